// Looks at everything in a JSON value, as an application might: what the parser took must be
// readable to the last leaf without a trap.

import MizuBytes

/// Visits each member and element, asks each scalar all there is to ask, and counts the values.
@discardableResult
func walk(_ value: JSONValue, depthMax: Int) -> Int {
    _ = value.int
    _ = value.double
    _ = value.bool
    _ = value.string
    guard depthMax > 0 else { return 1 }
    var count = 1
    for (key, member) in value.members {
        _ = key.string
        count += walk(member, depthMax: depthMax - 1)
    }
    for element in value.elements { count += walk(element, depthMax: depthMax - 1) }
    return count
}
