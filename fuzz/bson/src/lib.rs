pub use bson;
