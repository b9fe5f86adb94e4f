// Compressed payloads that Python's zlib (1.3, `compressobj` with the level and strategy named) made of
// `words(seed)`, their last four bytes taken off: what another implementation sends.

struct DeflateVector {
    let name: String
    let context: Context
    /// A message each: the seed of its text and its payload.
    let messages: [(seed: UInt32, hex: String)]

    enum Context {
        case fresh, takenOver
    }

    private static let list = ["live", "sync", "cursor", "alpha", "beta", "é", "世界", "\n"]

    /// Forty words chosen by a small generator.
    static func words(_ seed: UInt32) -> [UInt8] {
        var state = seed
        let chosen = (0..<40).map { _ in
            state = (state &* 1_103_515_245 &+ 12_345) & 0x7FFF_FFFF
            return list[Int(state >> 16) % 8]
        }
        return Array(chosen.joined(separator: " ").utf8)
    }

    static func bytes(_ hex: String) -> [UInt8] {
        let digits = hex.compactMap { $0.hexDigitValue }
        return stride(from: 0, to: digits.count - 1, by: 2).map {
            UInt8(digits[$0] << 4 | digits[$0 + 1])
        }
    }

    static let all: [DeflateVector] = [
        DeflateVector(
            name: "stored", context: .fresh,
            messages: [
                (
                    1,
                    """
                    00cc0033ffe4b896e7958c20e4b896e7958c2073796e6320616c70686120616c70686120616c
                    70686120637572736f7220616c706861206265746120e4b896e7958c20c3a9200a2062657461
                    20626574612073796e63200a2073796e63200a2073796e6320e4b896e7958c20e4b896e7958c
                    20637572736f72200a200a200a20e4b896e7958c200a2073796e6320637572736f72206c6976
                    6520626574612073796e6320637572736f7220e4b896e7958c20616c70686120616c70686120
                    637572736f7220c3a92073796e63206c69766500
                    """
                )
            ]),
        DeflateVector(
            name: "the fixed code", context: .fresh,
            messages: [
                (
                    1,
                    """
                    7ab263daf3a93d0a4f205471655eb242624e4146220a995c5a549c5f04154a4a2d4984a93fbc
                    52814b012c0026c0dab9149029a8c1500a6a1017501717cc0ca87aa8544e66592ac444b02950
                    51a87664974165802e002b04e90300
                    """
                ),
                (
                    2,
                    """
                    4a4a2d495428aecc4b56e052482e2d2ace2f5238bc12c8cec92c4b85883fd931edf9d41e85c4
                    9c828c44901c849104d207616208407540292e05b05aa04ea800d86820174c23db89cc86aa45
                    b2068909b111aa1c420100
                    """
                ),
                (
                    1,
                    """
                    7ab263daf3a93d0a4f205471655eb242624e4146220a995c5a549c5f04154a4a2d4984a93fbc
                    52814b012c0026c0dab9149029a8c1500a6a1017501717cc0ca87aa8544e66592ac444b02950
                    51a87664974165802e002b04e90300
                    """
                ),
            ]),
        DeflateVector(
            name: "level 1, fresh", context: .fresh,
            messages: [
                (
                    1,
                    """
                    7ab263daf3a93d0a4f205471655eb242624e4146220a995c5a549c5f04154a4a2d4984a93fbc
                    52814b012c0026c0dab9149029a8c1500a6a1017501717cc0ca87aa8544e66592ac444b02950
                    51a87664974165802e002b04e90300
                    """
                ),
                (
                    2,
                    """
                    4a4a2d495428aecc4b56e052482e2d2ace2f5238bc12c8cec92c4b85883fd931edf9d41e85c4
                    9c828c44901c849104d207616208407540292e05b05aa04ea800d86820174c23db89cc86aa45
                    b2068909b111aa1c420100
                    """
                ),
                (
                    1,
                    """
                    7ab263daf3a93d0a4f205471655eb242624e4146220a995c5a549c5f04154a4a2d4984a93fbc
                    52814b012c0026c0dab9149029a8c1500a6a1017501717cc0ca87aa8544e66592ac444b02950
                    51a87664974165802e002b04e90300
                    """
                ),
            ]),
        DeflateVector(
            name: "level 9, fresh", context: .fresh,
            messages: [
                (
                    1,
                    """
                    7ab263daf3a93d0a4f205471655eb242624e4146220a995c5a549c5f04e524a59624c2d41f5e
                    a9c00511001360ed5c28d41314f3a106718121540caa102a959359968a64185414aa148b9b80
                    2e002b04e90300
                    """
                ),
                (
                    2,
                    """
                    4a4a2d495428aecc4b56e052482e2d2ace2f5238bc12c8cec92c4b85883fd931edf9d41e85c4
                    9c828c44901c849104d207616208407540292e8814502754006c34900ba691ed446643d52299
                    8a61235439840200
                    """
                ),
            ]),
        DeflateVector(
            name: "level 9, kept window of 15 bits", context: .takenOver,
            messages: [
                (
                    1,
                    """
                    7ab263daf3a93d0a4f205471655eb242624e4146220a995c5a549c5f04e524a59624c2d41f5e
                    a9c00511001360ed5c28d41314f3a106718121540caa102a959359968a64185414aa148b9b80
                    2e002b04e90300
                    """
                ),
                (
                    2,
                    """
                    427603429a0b6226b26b202600e5907c846c369200aafba19e05ea840a808d0672c134b29dc8
                    6ca85a2453316c842a87500000
                    """
                ),
                (1, "7a328ce20400"),
            ]),
        DeflateVector(
            name: "level 9, kept window of 9 bits", context: .takenOver,
            messages: [
                (
                    1,
                    """
                    7ab263daf3a93d0a4f205471655eb242624e4146220a995c5a549c5f04e524a59624c2d41f5e
                    a9c00511001360ed5c28d41314f3a106718121540caa102a959359968a64185414aa148b9b80
                    2e002b04e90300
                    """
                ),
                (
                    2,
                    """
                    427603429a0b6226b26b202600e5907c846c369200aafba19e05ea840a808d0672c134b29dc8
                    6ca85a2453316c842a87500000
                    """
                ),
                (
                    3,
                    """
                    548f390e00400802fbfdff83352304b643518e26acdd1a29f52aca223afa83d3326259102a48
                    09c0d661c0e3cb2715f9dec04bca0d00
                    """
                ),
                (
                    1,
                    """
                    82ca412924492c9e46e842f20a1792fbc1dab9502854f3a106718121540caa102a85f027b228
                    8a0f50dc0474015821481f00
                    """
                ),
            ]),
        DeflateVector(
            name: "Huffman codes alone", context: .fresh,
            messages: [
                (
                    1,
                    """
                    04c1c109c4201040d1bb55fcd62683e082187162c01ebc6a0fdb81f76d45b08d7d6faf794667
                    af7946c75a5224e62048cc41909883a0b5d85d90988370f947d86b9ed1f97d715cfe112eff08
                    d692e2b0961487b5a4ec35cfe8ec35cfe8682d76171c0ec75ef38c8ec35a52b416bb0bf1f37a
                    2eff08d692a2b5d85dd86b9ed1919883203107416bb1bbf0fb622d29f1f3fa3f00
                    """
                )
            ]),
        DeflateVector(
            name: "run lengths", context: .fresh,
            messages: [
                (
                    2,
                    """
                    04c1c10904211004c0bf51746aad082e0ca78cbab039f8d51cccc0bfa908a67155d617227f3f
                    0703573547c59e3090e7f5c8dfcfe1ac717b032505624f505220ac2f042505829202617d2128
                    2910678ddb1bce1ab73718585f883d71d6b8bd419ed7634fc8f37ab8aa392af68481ab9aa362
                    4f189c356e6fb0be10941408eb0b414981a0a440b8aa392a5cd51cf50f
                    """
                )
            ]),
        DeflateVector(
            name: "full flushes", context: .fresh,
            messages: [
                (
                    1,
                    """
                    7ab263daf3a93d0a4f205471655eb242624e4146220a995c5a549c5f04e524a59624c2d41f5e
                    a9c00511001360ed5c28d41314f3a106718121540caa102a959359968a64185414aa148b9b80
                    2e002b04e90300
                    """
                ),
                (
                    2,
                    """
                    4a4a2d495428aecc4b56e052482e2d2ace2f5238bc12c8cec92c4b85883fd931edf9d41e85c4
                    9c828c44901c849104d207616208407540292e8814502754006c34900ba691ed446643d52299
                    8a61235439840200
                    """
                ),
                (
                    1,
                    """
                    7ab263daf3a93d0a4f205471655eb242624e4146220a995c5a549c5f04e524a59624c2d41f5e
                    a9c00511001360ed5c28d41314f3a106718121540caa102a959359968a64185414aa148b9b80
                    2e002b04e90300
                    """
                ),
            ]),
        DeflateVector(
            name: "last blocks", context: .fresh,
            messages: [
                (
                    1,
                    """
                    7bb263daf3a93d0a4f205471655eb242624e4146220a995c5a549c5f04e524a59624c2d41f5e
                    a9c00511001360ed5c28d41314f3a106718121540caa102a959359968a64185414aa148b9b80
                    2e002b04e9030000
                    """
                ),
                (
                    3,
                    """
                    4bcc29c8485448049387572ae46496a52a3cd931edf9d41e85a4d412b0181744940bc4864a01
                    59c59579c9701d60a560026212581089099642b0924b8b8af38b206c9839600ed80ea82c9482
                    9802b517c2016b813041ba0000
                    """
                ),
            ]),
    ]
}
