"""Flatbuffers without generated code: tables whose fields come in the order of their schema."""


class TableWriter:
    """A builder of one flatbuffer.

    A field of a table is an offset (what the other methods give), (kind, number) with a kind of
    Bool, Int8, Int32 or Float32, or None where it is absent.
    """

    def __init__(self, size=1024):
        import flatbuffers

        self.builder = flatbuffers.Builder(size)

    def text(self, text):
        return self.builder.CreateString(text)

    def numbers(self, kind, numbers):
        """A vector of numbers; kind: Float32 or Uint32."""
        self.builder.StartVector(4, len(numbers), 4)
        for number in reversed(numbers):
            getattr(self.builder, f"Prepend{kind}")(number)
        return self.builder.EndVector()

    def tables(self, offsets):
        """A vector of tables, or of texts."""
        self.builder.StartVector(4, len(offsets), 4)
        for offset in reversed(offsets):
            self.builder.PrependUOffsetTRelative(offset)
        return self.builder.EndVector()

    def bytes(self, data, alignment=16):
        """A vector of bytes."""
        self.builder.StartVector(1, len(data), alignment)
        for byte in reversed(data):
            self.builder.PrependByte(byte)
        return self.builder.EndVector()

    def table(self, *fields):
        self.builder.StartObject(len(fields))
        for slot, field in enumerate(fields):
            if isinstance(field, tuple):
                kind, number = field
                getattr(self.builder, f"Prepend{kind}Slot")(slot, number, 0)
            elif field is not None:
                self.builder.PrependUOffsetTRelativeSlot(slot, field, 0)
        return self.builder.EndObject()

    def finish(self, root, identifier):
        """The flatbuffer (bytes) with this root table; identifier: four bytes of its schema."""
        self.builder.Finish(root, file_identifier=identifier)
        return bytes(self.builder.Output())
