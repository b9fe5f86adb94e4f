// Which characters the text of one person may have that others are shown beside their own: a name,
// a title. Escaping keeps markup out of a page, and says nothing of characters that turn the
// direction of what stands behind them (UAX #9: U+202E, U+2066 …), end a line, or are not seen at
// all, so that "Ann" is shown as somebody else or as nobody.
//
// The rule is that of nicknames (RFC 8266 §2), which are made of PRECIS's FreeformClass: no
// control characters, and none that are ignorable where they cannot be shown (RFC 8264 §9.12,
// §9.13). It lets through what people write with: the joiners of Persian, Indic scripts and emoji
// (U+200C, U+200D), variation selectors, and the tags of a flag. Stateless; any thread.

extension String {
    /// Whether others may be shown all of its characters, and see one of them at least. O(n).
    public var isDisplayable: Bool {
        var filter = DisplayFilter()
        var isSeen = false
        for scalar in unicodeScalars {
            guard filter.lets(scalar) else { return false }
            isSeen = isSeen || scalar.isSeen
        }
        return isSeen
    }

    /// The same text without the characters that others must not be shown; nothing where all are
    /// such. For text that comes where nobody can be told what is wrong with it. O(n).
    public var displayable: String {
        var filter = DisplayFilter()
        var text = String.UnicodeScalarView()
        for scalar in unicodeScalars where filter.lets(scalar) { text.append(scalar) }
        return String(text)
    }
}

/// Looks at one character after the other.
private struct DisplayFilter {
    /// The one before is a black flag, or a tag behind it (UTS #51, "ED-14a").
    private var isInFlag = false

    mutating func lets(_ scalar: Unicode.Scalar) -> Bool {
        if scalar.isASCII { return letsASCII(scalar) }
        switch scalar.value {
        case 0x200C, 0x200D: break
        case 0xE0020...0xE007F: return isInFlag
        default:
            guard scalar.properties.isVariationSelector || !scalar.isHidden else { return false }
        }
        isInFlag = scalar.value == 0x1F3F4
        return true
    }

    private mutating func letsASCII(_ scalar: Unicode.Scalar) -> Bool {
        isInFlag = false
        return scalar.value >= 0x20 && scalar.value != 0x7F
    }
}

extension Unicode.Scalar {
    /// A control, the end of a line, or nothing that is seen where it stands.
    fileprivate var isHidden: Bool {
        switch properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator: true
        default: properties.isDefaultIgnorableCodePoint || properties.isNoncharacterCodePoint
        }
    }

    /// Leaves ink, by itself and not on another.
    fileprivate var isSeen: Bool {
        // A pattern of Braille without a dot.
        if value == 0x2800 || properties.isWhitespace { return false }
        switch properties.generalCategory {
        case .nonspacingMark, .enclosingMark, .format: return false
        default: return !properties.isDefaultIgnorableCodePoint
        }
    }
}
