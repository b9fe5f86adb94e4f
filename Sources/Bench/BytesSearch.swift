// Whether some bytes stand in others: memmem(3), for messages of any server whose form is not
// known.

import CLinux

enum BytesSearch {
    static func contains(
        _ bytes: UnsafeRawBufferPointer, _ part: UnsafeRawBufferPointer
    ) -> Bool {
        cl_contains(bytes.baseAddress, bytes.count, part.baseAddress, part.count) == 1
    }

    static func contains(_ bytes: UnsafeRawBufferPointer, _ part: StaticString) -> Bool {
        contains(
            bytes, UnsafeRawBufferPointer(start: part.utf8Start, count: part.utf8CodeUnitCount))
    }
}
