//! What a report says of records.
