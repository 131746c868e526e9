//! The primitives of Kafka's records of internal topics.
//!
//! A value is written with 16-bit or with compact lengths, depending on its version; readers and writers
//! are told once and choose by themselves. Nothing is allocated by a length before that many bytes are
//! known to be there.

mod reader;
mod writer;

pub use reader::Reader;
pub use writer::Writer;

/// Why bytes are no record of an internal topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// A newer broker may have written it, or it belongs to something that is not known here.
    #[error("unknown record type or version {0}")]
    Unknown(i16),
    /// There are fewer bytes than the record says.
    #[error("the record ends early")]
    Truncated,
    /// No value has such a length.
    #[error("a length is negative or out of range")]
    Length,
    /// No such name can exist.
    #[error("a name is not legal")]
    Name,
    /// A number that stands for something stands for nothing that is known.
    #[error("a number has no meaning")]
    Number,
    /// Each field is legal, and together they are not.
    #[error("{0}")]
    Contradiction(&'static str),
}

/// A value that the format, or a limit, has no room for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the record is too large")]
pub struct TooLarge;

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn round_trip(compact: bool) {
        let mut writer = if compact { Writer::new_compact(7) } else { Writer::new(7) };
        writer.i8(-1);
        writer.i64(1 << 40);
        writer.string("name");
        writer.nullable_string(None);
        writer.array(Some(2));
        writer.i32(1);
        writer.i32(2);
        writer.array(None);
        writer.bytes(b"bytes");
        writer.tagged(&[(3, b"\0\x05")]);
        let record = writer.finish(usize::MAX).unwrap();

        let mut reader = Reader::new(record);
        assert_eq!(reader.i16(), Ok(7));
        reader.set_compact(compact);
        assert_eq!((reader.i8(), reader.i64()), (Ok(-1), Ok(1 << 40)));
        assert_eq!(reader.string().as_deref(), Ok("name"));
        assert_eq!(reader.nullable_string(), Ok(None));
        assert_eq!(reader.array(4), Ok(2));
        assert_eq!((reader.i32(), reader.i32()), (Ok(1), Ok(2)));
        assert_eq!(reader.nullable_array(4), Ok(None));
        assert_eq!(reader.bytes(), Ok(Bytes::from_static(b"bytes")));
        let mut tags = Vec::new();
        let tagged = reader.tagged(|tag, field| {
            tags.push((tag, field.i16()?));
            Ok(())
        });
        assert_eq!(tagged, Ok(()));
        assert_eq!(tags, if compact { vec![(3, 5)] } else { vec![] });
        assert_eq!(reader.i8(), Err(DecodeError::Truncated));
    }

    #[test]
    fn values_are_read_as_they_were_written() {
        round_trip(false);
        round_trip(true);
    }

    #[test]
    fn a_record_of_more_than_its_limit_is_not_made() {
        let long = "a".repeat(usize::from(u16::MAX));
        let written = |mut writer: Writer, length_max| {
            writer.string(&long);
            writer.finish(length_max).map(|record| record.len())
        };
        assert_eq!(written(Writer::new(0), usize::MAX), Err(TooLarge), "a length of 16 bits");
        assert_eq!(written(Writer::new_compact(0), usize::MAX), Ok(2 + 3 + long.len()));
        assert_eq!(written(Writer::new_compact(0), long.len()), Err(TooLarge));
    }
}
