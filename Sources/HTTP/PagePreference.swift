// Whether a request would rather have a page than JSON or plain text (`Accept`, RFC 9110 §12.5.1):
// a browser that opens an address names text/html first; scripts and programs send `*/*`, nothing,
// or application/json. Only what is named counts: `*/*` asks for nothing in particular.

import MizuBytes

extension Request {
    /// True where HTML is named with a weight above 0 that JSON, if named, does not reach.
    public var prefersPage: Bool {
        let weights = acceptWeights
        return weights.page > weights.json
    }

    /// True where JSON is named with a weight above 0 that HTML, if named, does not pass.
    public var prefersJSON: Bool {
        let weights = acceptWeights
        return weights.json > 0 && weights.json >= weights.page
    }

    private var acceptWeights: (page: Int, json: Int) {
        var (page, json) = (0, 0)
        forEachValue(of: "accept") { value in
            value.forEachPart(UInt8(ascii: ",")) { member in
                let end = member.firstIndex(of: UInt8(ascii: ";")) ?? member.count
                let range = member.part(0..<end).trimmed
                let weight = ContentCoding.Weights.weight(member.part(end..<member.count))
                if range.equalsIgnoringCase("text/html")
                    || range.equalsIgnoringCase("application/xhtml+xml")
                {
                    page = max(page, weight)
                } else if range.equalsIgnoringCase("application/json") {
                    json = max(json, weight)
                }
                return true
            }
        }
        return (page, json)
    }
}
