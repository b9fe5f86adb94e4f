// Answers of an authenticator in software, each signed, so that one rule alone decides about it.
// They were made by Python's `fido2` and `cryptography`, with the challenge 0, 1, 2 … 31, for the
// relying party shop.example and its page https://shop.example. Those by EdDSA stand for a
// credential that was last seen with the counter 6.

import MizuWebAuthn
import Testing

/// What a browser sends, and what becomes of it.
struct Answer: Sendable, CustomTestStringConvertible {
    let name: String
    /// Nil: it is taken.
    let refusal: WebAuthnRefusal?
    let json: String

    init(_ name: String, _ refusal: WebAuthnRefusal?, _ json: String) {
        (self.name, self.refusal, self.json) = (name, refusal, json)
    }

    var testDescription: String { name }

    static let registrations = [
        Answer(
            "ES256, no attestation", nil,
            #"""
            {"id":"Y3JlZGVudGlhbC1vZi1hbm4tZXMyNTY","rawId":"Y3JlZGVudGlhbC1vZi1hbm4tZXMyNTY",\#
            "type":"public-key","response":{"clientDataJSON":"eyJ0eXBlIjoid2ViYXV0aG4uY3JlYXRl\#
            IiwiY2hhbGxlbmdlIjoiQUFFQ0F3UUZCZ2NJQ1FvTERBME9EeEFSRWhNVUZSWVhHQmthR3h3ZEhoOCIsIm\#
            9yaWdpbiI6Imh0dHBzOi8vc2hvcC5leGFtcGxlIn0","attestationObject":"o2NmbXRkbm9uZWdhdH\#
            RTdG10oGhhdXRoRGF0YVibD1lGPGBsWw5dPagfNuP3wXWsIwxg51whRM47dSJHYHxdAAAAAAAAAAAAAAAA\#
            AAAAAAAAAAAAF2NyZWRlbnRpYWwtb2YtYW5uLWVzMjU2pQECAyYgASFYIHDaAs8jiTOPPG4ygVR7eZf2S3\#
            iVXNDM5wkE8CZZM12tIlggr8PeoJDruknfmuGCQLn_UjS1Xk078kVZAfT0K3Res0Q"}}
            """#),
        Answer(
            "EdDSA, self attestation", nil,
            #"""
            {"id":"Y3JlZGVudGlhbC1vZi1hbm4tZWRkc2E","rawId":"Y3JlZGVudGlhbC1vZi1hbm4tZWRkc2E",\#
            "type":"public-key","response":{"clientDataJSON":"eyJ0eXBlIjoid2ViYXV0aG4uY3JlYXRl\#
            IiwiY2hhbGxlbmdlIjoiQUFFQ0F3UUZCZ2NJQ1FvTERBME9EeEFSRWhNVUZSWVhHQmthR3h3ZEhoOCIsIm\#
            9yaWdpbiI6Imh0dHBzOi8vc2hvcC5leGFtcGxlIn0","attestationObject":"o2NmbXRmcGFja2VkZ2\#
            F0dFN0bXSiY2FsZydjc2lnWEDhKb0m8ZGxG_GzMvg71hCRUjkWoXg3Q8jIRUrzJMD7Co0LvBfkVsHRIvjn\#
            -9rRbKYgm2Wh8F8BqzpsXwCpCnEBaGF1dGhEYXRhWHgPWUY8YGxbDl09qB824_fBdawjDGDnXCFEzjt1Ik\#
            dgfF0AAAAAAAAAAAAAAAAAAAAAAAAAAAAXY3JlZGVudGlhbC1vZi1hbm4tZWRkc2GkAQEDJyAGIVggebVW\#
            Lo_mVPlAeLES6KmLp5AfhTrmlb7X4OORC60ElmQ"}}
            """#),
        Answer(
            "EdDSA, with extensions", nil,
            #"""
            {"id":"Y3JlZGVudGlhbC1vZi1hbm4tZWRkc2E","rawId":"Y3JlZGVudGlhbC1vZi1hbm4tZWRkc2E",\#
            "type":"public-key","response":{"clientDataJSON":"eyJ0eXBlIjoid2ViYXV0aG4uY3JlYXRl\#
            IiwiY2hhbGxlbmdlIjoiQUFFQ0F3UUZCZ2NJQ1FvTERBME9EeEFSRWhNVUZSWVhHQmthR3h3ZEhoOCIsIm\#
            9yaWdpbiI6Imh0dHBzOi8vc2hvcC5leGFtcGxlIn0","attestationObject":"o2NmbXRkbm9uZWdhdH\#
            RTdG10oGhhdXRoRGF0YViGD1lGPGBsWw5dPagfNuP3wXWsIwxg51whRM47dSJHYHzdAAAAAAAAAAAAAAAA\#
            AAAAAAAAAAAAF2NyZWRlbnRpYWwtb2YtYW5uLWVkZHNhpAEBAycgBiFYIHm1Vi6P5lT5QHixEuipi6eQH4\#
            U65pW-1-DjkQutBJZkoWtjcmVkUHJvdGVjdAI"}}
            """#),
        Answer(
            "ES256, not backed up, no origin of a frame", nil,
            #"""
            {"id":"Y3JlZGVudGlhbC1vZi1hbm4tZXMyNTY","rawId":"Y3JlZGVudGlhbC1vZi1hbm4tZXMyNTY",\#
            "type":"public-key","response":{"clientDataJSON":"eyJ0eXBlIjoid2ViYXV0aG4uY3JlYXRl\#
            IiwiY2hhbGxlbmdlIjoiQUFFQ0F3UUZCZ2NJQ1FvTERBME9EeEFSRWhNVUZSWVhHQmthR3h3ZEhoOCIsIm\#
            9yaWdpbiI6Imh0dHBzOi8vc2hvcC5leGFtcGxlIiwiY3Jvc3NPcmlnaW4iOmZhbHNlfQ","attestation\#
            Object":"o2NmbXRkbm9uZWdhdHRTdG10oGhhdXRoRGF0YVibD1lGPGBsWw5dPagfNuP3wXWsIwxg51whR\#
            M47dSJHYHxFAAAAAAAAAAAAAAAAAAAAAAAAAAAAF2NyZWRlbnRpYWwtb2YtYW5uLWVzMjU2pQECAyYgASF\#
            YIHDaAs8jiTOPPG4ygVR7eZf2S3iVXNDM5wkE8CZZM12tIlggr8PeoJDruknfmuGCQLn_UjS1Xk078kVZA\#
            fT0K3Res0Q"}}
            """#),
        Answer(
            "a self attestation that was not signed", .badSignature,
            #"""
            {"id":"Y3JlZGVudGlhbC1vZi1hbm4tZXMyNTY","rawId":"Y3JlZGVudGlhbC1vZi1hbm4tZXMyNTY",\#
            "type":"public-key","response":{"clientDataJSON":"eyJ0eXBlIjoid2ViYXV0aG4uY3JlYXRl\#
            IiwiY2hhbGxlbmdlIjoiQUFFQ0F3UUZCZ2NJQ1FvTERBME9EeEFSRWhNVUZSWVhHQmthR3h3ZEhoOCIsIm\#
            9yaWdpbiI6Imh0dHBzOi8vc2hvcC5leGFtcGxlIn0","attestationObject":"o2NmbXRmcGFja2VkZ2\#
            F0dFN0bXSiY2FsZyZjc2lnWEcwRQIhAIZ2VSU36MOvydFs9BzuXU8L70sC9bXgpUebg2tIIjOiAiAgR7WC\#
            XKO4oSQjGcd5kWB-DZpM_zq32yugCc04eOqCgmhhdXRoRGF0YVibD1lGPGBsWw5dPagfNuP3wXWsIwxg51\#
            whRM47dSJHYHxdAAAAAAAAAAAAAAAAAAAAAAAAAAAAF2NyZWRlbnRpYWwtb2YtYW5uLWVzMjU2pQECAyYg\#
            ASFYIHDaAs8jiTOPPG4ygVR7eZf2S3iVXNDM5wkE8CZZM12tIlggr8PeoJDruknfmuGCQLn_UjS1Xk078k\#
            VZAfT0K3Res0Q"}}
            """#),
        Answer(
            "an attestation by a certificate", .attestation,
            #"""
            {"id":"Y3JlZGVudGlhbC1vZi1hbm4tZXMyNTY","rawId":"Y3JlZGVudGlhbC1vZi1hbm4tZXMyNTY",\#
            "type":"public-key","response":{"clientDataJSON":"eyJ0eXBlIjoid2ViYXV0aG4uY3JlYXRl\#
            IiwiY2hhbGxlbmdlIjoiQUFFQ0F3UUZCZ2NJQ1FvTERBME9EeEFSRWhNVUZSWVhHQmthR3h3ZEhoOCIsIm\#
            9yaWdpbiI6Imh0dHBzOi8vc2hvcC5leGFtcGxlIn0","attestationObject":"o2NmbXRoZmlkby11Mm\#
            ZnYXR0U3RtdKJjc2lnQXhjeDVjgUF5aGF1dGhEYXRhWJsPWUY8YGxbDl09qB824_fBdawjDGDnXCFEzjt1\#
            IkdgfF0AAAAAAAAAAAAAAAAAAAAAAAAAAAAXY3JlZGVudGlhbC1vZi1hbm4tZXMyNTalAQIDJiABIVggcN\#
            oCzyOJM488bjKBVHt5l_ZLeJVc0MznCQTwJlkzXa0iWCCvw96gkOu6Sd-a4YJAuf9SNLVeTTvyRVkB9PQr\#
            dF6zRA"}}
            """#),
        Answer(
            "the answer to the other question", .wrongType,
            #"""
            {"id":"Y3JlZGVudGlhbC1vZi1hbm4tZXMyNTY","rawId":"Y3JlZGVudGlhbC1vZi1hbm4tZXMyNTY",\#
            "type":"public-key","response":{"clientDataJSON":"eyJ0eXBlIjoid2ViYXV0aG4uZ2V0Iiwi\#
            Y2hhbGxlbmdlIjoiQUFFQ0F3UUZCZ2NJQ1FvTERBME9EeEFSRWhNVUZSWVhHQmthR3h3ZEhoOCIsIm9yaW\#
            dpbiI6Imh0dHBzOi8vc2hvcC5leGFtcGxlIn0","attestationObject":"o2NmbXRkbm9uZWdhdHRTdG\#
            10oGhhdXRoRGF0YVibD1lGPGBsWw5dPagfNuP3wXWsIwxg51whRM47dSJHYHxdAAAAAAAAAAAAAAAAAAAA\#
            AAAAAAAAF2NyZWRlbnRpYWwtb2YtYW5uLWVzMjU2pQECAyYgASFYIHDaAs8jiTOPPG4ygVR7eZf2S3iVXN\#
            DM5wkE8CZZM12tIlggr8PeoJDruknfmuGCQLn_UjS1Xk078kVZAfT0K3Res0Q"}}
            """#),
        Answer(
            "another challenge", .wrongChallenge,
            #"""
            {"id":"Y3JlZGVudGlhbC1vZi1hbm4tZXMyNTY","rawId":"Y3JlZGVudGlhbC1vZi1hbm4tZXMyNTY",\#
            "type":"public-key","response":{"clientDataJSON":"eyJ0eXBlIjoid2ViYXV0aG4uY3JlYXRl\#
            IiwiY2hhbGxlbmdlIjoiQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQSIsIm\#
            9yaWdpbiI6Imh0dHBzOi8vc2hvcC5leGFtcGxlIn0","attestationObject":"o2NmbXRkbm9uZWdhdH\#
            RTdG10oGhhdXRoRGF0YVibD1lGPGBsWw5dPagfNuP3wXWsIwxg51whRM47dSJHYHxdAAAAAAAAAAAAAAAA\#
            AAAAAAAAAAAAF2NyZWRlbnRpYWwtb2YtYW5uLWVzMjU2pQECAyYgASFYIHDaAs8jiTOPPG4ygVR7eZf2S3\#
            iVXNDM5wkE8CZZM12tIlggr8PeoJDruknfmuGCQLn_UjS1Xk078kVZAfT0K3Res0Q"}}
            """#),
        Answer(
            "another origin", .wrongOrigin,
            #"""
            {"id":"Y3JlZGVudGlhbC1vZi1hbm4tZXMyNTY","rawId":"Y3JlZGVudGlhbC1vZi1hbm4tZXMyNTY",\#
            "type":"public-key","response":{"clientDataJSON":"eyJ0eXBlIjoid2ViYXV0aG4uY3JlYXRl\#
            IiwiY2hhbGxlbmdlIjoiQUFFQ0F3UUZCZ2NJQ1FvTERBME9EeEFSRWhNVUZSWVhHQmthR3h3ZEhoOCIsIm\#
            9yaWdpbiI6Imh0dHBzOi8vc2hvcC5leGFtcGxlLmV2aWwuZXhhbXBsZSJ9","attestationObject":"o\#
            2NmbXRkbm9uZWdhdHRTdG10oGhhdXRoRGF0YVibD1lGPGBsWw5dPagfNuP3wXWsIwxg51whRM47dSJHYHx\#
            dAAAAAAAAAAAAAAAAAAAAAAAAAAAAF2NyZWRlbnRpYWwtb2YtYW5uLWVzMjU2pQECAyYgASFYIHDaAs8ji\#
            TOPPG4ygVR7eZf2S3iVXNDM5wkE8CZZM12tIlggr8PeoJDruknfmuGCQLn_UjS1Xk078kVZAfT0K3Res0Q\#
            "}}
            """#),
        Answer(
            "plain http", .wrongOrigin,
            #"""
            {"id":"Y3JlZGVudGlhbC1vZi1hbm4tZXMyNTY","rawId":"Y3JlZGVudGlhbC1vZi1hbm4tZXMyNTY",\#
            "type":"public-key","response":{"clientDataJSON":"eyJ0eXBlIjoid2ViYXV0aG4uY3JlYXRl\#
            IiwiY2hhbGxlbmdlIjoiQUFFQ0F3UUZCZ2NJQ1FvTERBME9EeEFSRWhNVUZSWVhHQmthR3h3ZEhoOCIsIm\#
            9yaWdpbiI6Imh0dHA6Ly9zaG9wLmV4YW1wbGUifQ","attestationObject":"o2NmbXRkbm9uZWdhdHR\#
            TdG10oGhhdXRoRGF0YVibD1lGPGBsWw5dPagfNuP3wXWsIwxg51whRM47dSJHYHxdAAAAAAAAAAAAAAAAA\#
            AAAAAAAAAAAF2NyZWRlbnRpYWwtb2YtYW5uLWVzMjU2pQECAyYgASFYIHDaAs8jiTOPPG4ygVR7eZf2S3i\#
            VXNDM5wkE8CZZM12tIlggr8PeoJDruknfmuGCQLn_UjS1Xk078kVZAfT0K3Res0Q"}}
            """#),
        Answer(
            "a frame of another page", .wrongOrigin,
            #"""
            {"id":"Y3JlZGVudGlhbC1vZi1hbm4tZXMyNTY","rawId":"Y3JlZGVudGlhbC1vZi1hbm4tZXMyNTY",\#
            "type":"public-key","response":{"clientDataJSON":"eyJ0eXBlIjoid2ViYXV0aG4uY3JlYXRl\#
            IiwiY2hhbGxlbmdlIjoiQUFFQ0F3UUZCZ2NJQ1FvTERBME9EeEFSRWhNVUZSWVhHQmthR3h3ZEhoOCIsIm\#
            9yaWdpbiI6Imh0dHBzOi8vc2hvcC5leGFtcGxlIiwiY3Jvc3NPcmlnaW4iOnRydWV9","attestationOb\#
            ject":"o2NmbXRkbm9uZWdhdHRTdG10oGhhdXRoRGF0YVibD1lGPGBsWw5dPagfNuP3wXWsIwxg51whRM4\#
            7dSJHYHxdAAAAAAAAAAAAAAAAAAAAAAAAAAAAF2NyZWRlbnRpYWwtb2YtYW5uLWVzMjU2pQECAyYgASFYI\#
            HDaAs8jiTOPPG4ygVR7eZf2S3iVXNDM5wkE8CZZM12tIlggr8PeoJDruknfmuGCQLn_UjS1Xk078kVZAfT\#
            0K3Res0Q"}}
            """#),
        Answer(
            "another relying party", .wrongRelyingParty,
            #"""
            {"id":"Y3JlZGVudGlhbC1vZi1hbm4tZXMyNTY","rawId":"Y3JlZGVudGlhbC1vZi1hbm4tZXMyNTY",\#
            "type":"public-key","response":{"clientDataJSON":"eyJ0eXBlIjoid2ViYXV0aG4uY3JlYXRl\#
            IiwiY2hhbGxlbmdlIjoiQUFFQ0F3UUZCZ2NJQ1FvTERBME9EeEFSRWhNVUZSWVhHQmthR3h3ZEhoOCIsIm\#
            9yaWdpbiI6Imh0dHBzOi8vc2hvcC5leGFtcGxlIn0","attestationObject":"o2NmbXRkbm9uZWdhdH\#
            RTdG10oGhhdXRoRGF0YVibnBgN4M1pnueIl8R8_bPn7h11kG4xt3RqR0fepTaQmDddAAAAAAAAAAAAAAAA\#
            AAAAAAAAAAAAF2NyZWRlbnRpYWwtb2YtYW5uLWVzMjU2pQECAyYgASFYIHDaAs8jiTOPPG4ygVR7eZf2S3\#
            iVXNDM5wkE8CZZM12tIlggr8PeoJDruknfmuGCQLn_UjS1Xk078kVZAfT0K3Res0Q"}}
            """#),
        Answer(
            "nobody there", .userNotPresent,
            #"""
            {"id":"Y3JlZGVudGlhbC1vZi1hbm4tZXMyNTY","rawId":"Y3JlZGVudGlhbC1vZi1hbm4tZXMyNTY",\#
            "type":"public-key","response":{"clientDataJSON":"eyJ0eXBlIjoid2ViYXV0aG4uY3JlYXRl\#
            IiwiY2hhbGxlbmdlIjoiQUFFQ0F3UUZCZ2NJQ1FvTERBME9EeEFSRWhNVUZSWVhHQmthR3h3ZEhoOCIsIm\#
            9yaWdpbiI6Imh0dHBzOi8vc2hvcC5leGFtcGxlIn0","attestationObject":"o2NmbXRkbm9uZWdhdH\#
            RTdG10oGhhdXRoRGF0YVibD1lGPGBsWw5dPagfNuP3wXWsIwxg51whRM47dSJHYHxEAAAAAAAAAAAAAAAA\#
            AAAAAAAAAAAAF2NyZWRlbnRpYWwtb2YtYW5uLWVzMjU2pQECAyYgASFYIHDaAs8jiTOPPG4ygVR7eZf2S3\#
            iVXNDM5wkE8CZZM12tIlggr8PeoJDruknfmuGCQLn_UjS1Xk078kVZAfT0K3Res0Q"}}
            """#),
        Answer(
            "nobody verified", .userNotVerified,
            #"""
            {"id":"Y3JlZGVudGlhbC1vZi1hbm4tZXMyNTY","rawId":"Y3JlZGVudGlhbC1vZi1hbm4tZXMyNTY",\#
            "type":"public-key","response":{"clientDataJSON":"eyJ0eXBlIjoid2ViYXV0aG4uY3JlYXRl\#
            IiwiY2hhbGxlbmdlIjoiQUFFQ0F3UUZCZ2NJQ1FvTERBME9EeEFSRWhNVUZSWVhHQmthR3h3ZEhoOCIsIm\#
            9yaWdpbiI6Imh0dHBzOi8vc2hvcC5leGFtcGxlIn0","attestationObject":"o2NmbXRkbm9uZWdhdH\#
            RTdG10oGhhdXRoRGF0YVibD1lGPGBsWw5dPagfNuP3wXWsIwxg51whRM47dSJHYHxBAAAAAAAAAAAAAAAA\#
            AAAAAAAAAAAAF2NyZWRlbnRpYWwtb2YtYW5uLWVzMjU2pQECAyYgASFYIHDaAs8jiTOPPG4ygVR7eZf2S3\#
            iVXNDM5wkE8CZZM12tIlggr8PeoJDruknfmuGCQLn_UjS1Xk078kVZAfT0K3Res0Q"}}
            """#),
        Answer(
            "backed up, and not eligible", .badFlags,
            #"""
            {"id":"Y3JlZGVudGlhbC1vZi1hbm4tZXMyNTY","rawId":"Y3JlZGVudGlhbC1vZi1hbm4tZXMyNTY",\#
            "type":"public-key","response":{"clientDataJSON":"eyJ0eXBlIjoid2ViYXV0aG4uY3JlYXRl\#
            IiwiY2hhbGxlbmdlIjoiQUFFQ0F3UUZCZ2NJQ1FvTERBME9EeEFSRWhNVUZSWVhHQmthR3h3ZEhoOCIsIm\#
            9yaWdpbiI6Imh0dHBzOi8vc2hvcC5leGFtcGxlIn0","attestationObject":"o2NmbXRkbm9uZWdhdH\#
            RTdG10oGhhdXRoRGF0YVibD1lGPGBsWw5dPagfNuP3wXWsIwxg51whRM47dSJHYHxVAAAAAAAAAAAAAAAA\#
            AAAAAAAAAAAAF2NyZWRlbnRpYWwtb2YtYW5uLWVzMjU2pQECAyYgASFYIHDaAs8jiTOPPG4ygVR7eZf2S3\#
            iVXNDM5wkE8CZZM12tIlggr8PeoJDruknfmuGCQLn_UjS1Xk078kVZAfT0K3Res0Q"}}
            """#),
        Answer(
            "a key for RS256", .unsupportedKey,
            #"""
            {"id":"Y3JlZGVudGlhbC1vZi1hbm4tZXMyNTY","rawId":"Y3JlZGVudGlhbC1vZi1hbm4tZXMyNTY",\#
            "type":"public-key","response":{"clientDataJSON":"eyJ0eXBlIjoid2ViYXV0aG4uY3JlYXRl\#
            IiwiY2hhbGxlbmdlIjoiQUFFQ0F3UUZCZ2NJQ1FvTERBME9EeEFSRWhNVUZSWVhHQmthR3h3ZEhoOCIsIm\#
            9yaWdpbiI6Imh0dHBzOi8vc2hvcC5leGFtcGxlIn0","attestationObject":"o2NmbXRkbm9uZWdhdH\#
            RTdG10oGhhdXRoRGF0YVkBXg9ZRjxgbFsOXT2oHzbj98F1rCMMYOdcIUTOO3UiR2B8XQAAAAAAAAAAAAAA\#
            AAAAAAAAAAAAABdjcmVkZW50aWFsLW9mLWFubi1lczI1NqQBAwM5AQAgWQEAbm5ubm5ubm5ubm5ubm5ubm\#
            5ubm5ubm5ubm5ubm5ubm5ubm5ubm5ubm5ubm5ubm5ubm5ubm5ubm5ubm5ubm5ubm5ubm5ubm5ubm5ubm5u\#
            bm5ubm5ubm5ubm5ubm5ubm5ubm5ubm5ubm5ubm5ubm5ubm5ubm5ubm5ubm5ubm5ubm5ubm5ubm5ubm5ubm\#
            5ubm5ubm5ubm5ubm5ubm5ubm5ubm5ubm5ubm5ubm5ubm5ubm5ubm5ubm5ubm5ubm5ubm5ubm5ubm5ubm5u\#
            bm5ubm5ubm5ubm5ubm5ubm5ubm5ubm5ubm5ubm5ubm5ubm5ubm5ubm5ubm5ubm5ubm5ubm5ubiFDAQAB"}\#
            }
            """#),
        Answer(
            "a point that is not on the curve", .unsupportedKey,
            #"""
            {"id":"Y3JlZGVudGlhbC1vZi1hbm4tZXMyNTY","rawId":"Y3JlZGVudGlhbC1vZi1hbm4tZXMyNTY",\#
            "type":"public-key","response":{"clientDataJSON":"eyJ0eXBlIjoid2ViYXV0aG4uY3JlYXRl\#
            IiwiY2hhbGxlbmdlIjoiQUFFQ0F3UUZCZ2NJQ1FvTERBME9EeEFSRWhNVUZSWVhHQmthR3h3ZEhoOCIsIm\#
            9yaWdpbiI6Imh0dHBzOi8vc2hvcC5leGFtcGxlIn0","attestationObject":"o2NmbXRkbm9uZWdhdH\#
            RTdG10oGhhdXRoRGF0YVibD1lGPGBsWw5dPagfNuP3wXWsIwxg51whRM47dSJHYHxdAAAAAAAAAAAAAAAA\#
            AAAAAAAAAAAAF2NyZWRlbnRpYWwtb2YtYW5uLWVzMjU2pQECAyYgASFYIHDaAs8jiTOPPG4ygVR7eZf2S3\#
            iVXNDM5wkE8CZZM12tIlggAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}}
            """#),
        Answer(
            "a key of one kind with the algorithm of another", .unsupportedKey,
            #"""
            {"id":"Y3JlZGVudGlhbC1vZi1hbm4tZWRkc2E","rawId":"Y3JlZGVudGlhbC1vZi1hbm4tZWRkc2E",\#
            "type":"public-key","response":{"clientDataJSON":"eyJ0eXBlIjoid2ViYXV0aG4uY3JlYXRl\#
            IiwiY2hhbGxlbmdlIjoiQUFFQ0F3UUZCZ2NJQ1FvTERBME9EeEFSRWhNVUZSWVhHQmthR3h3ZEhoOCIsIm\#
            9yaWdpbiI6Imh0dHBzOi8vc2hvcC5leGFtcGxlIn0","attestationObject":"o2NmbXRkbm9uZWdhdH\#
            RTdG10oGhhdXRoRGF0YVh4D1lGPGBsWw5dPagfNuP3wXWsIwxg51whRM47dSJHYHxdAAAAAAAAAAAAAAAA\#
            AAAAAAAAAAAAF2NyZWRlbnRpYWwtb2YtYW5uLWVkZHNhpAEBAyYgBiFYIHm1Vi6P5lT5QHixEuipi6eQH4\#
            U65pW-1-DjkQutBJZk"}}
            """#),
    ]

    static let signIns = [
        Answer(
            "ES256", nil,
            #"""
            {"id":"Y3JlZGVudGlhbC1vZi1hbm4tZXMyNTY","rawId":"Y3JlZGVudGlhbC1vZi1hbm4tZXMyNTY",\#
            "type":"public-key","response":{"clientDataJSON":"eyJ0eXBlIjoid2ViYXV0aG4uZ2V0Iiwi\#
            Y2hhbGxlbmdlIjoiQUFFQ0F3UUZCZ2NJQ1FvTERBME9EeEFSRWhNVUZSWVhHQmthR3h3ZEhoOCIsIm9yaW\#
            dpbiI6Imh0dHBzOi8vc2hvcC5leGFtcGxlIn0","authenticatorData":"D1lGPGBsWw5dPagfNuP3wX\#
            WsIwxg51whRM47dSJHYHwdAAAAAA","signature":"MEUCIFjo8klCZYtb-muUiwL8q-nD7Pz93aXUBPS\#
            E17ktHuOzAiEAlpSjKBYez45WPyXHZvIheoOPF_4d8ZCD09wQj6z_iC0","userHandle":"YW5u"}}
            """#),
        Answer(
            "EdDSA, which counts", nil,
            #"""
            {"id":"Y3JlZGVudGlhbC1vZi1hbm4tZWRkc2E","rawId":"Y3JlZGVudGlhbC1vZi1hbm4tZWRkc2E",\#
            "type":"public-key","response":{"clientDataJSON":"eyJ0eXBlIjoid2ViYXV0aG4uZ2V0Iiwi\#
            Y2hhbGxlbmdlIjoiQUFFQ0F3UUZCZ2NJQ1FvTERBME9EeEFSRWhNVUZSWVhHQmthR3h3ZEhoOCIsIm9yaW\#
            dpbiI6Imh0dHBzOi8vc2hvcC5leGFtcGxlIn0","authenticatorData":"D1lGPGBsWw5dPagfNuP3wX\#
            WsIwxg51whRM47dSJHYHwdAAAABw","signature":"s3g3Hl7UMBQm823zk1caVqQkVV-mdaVyXA57I5T\#
            sqXjUYqg2_10UdKfa09SDTk1ee0g2P5sybDWnfS-E4x35DQ","userHandle":"YW5u"}}
            """#),
        Answer(
            "without a user handle", nil,
            #"""
            {"id":"Y3JlZGVudGlhbC1vZi1hbm4tZXMyNTY","rawId":"Y3JlZGVudGlhbC1vZi1hbm4tZXMyNTY",\#
            "type":"public-key","response":{"clientDataJSON":"eyJ0eXBlIjoid2ViYXV0aG4uZ2V0Iiwi\#
            Y2hhbGxlbmdlIjoiQUFFQ0F3UUZCZ2NJQ1FvTERBME9EeEFSRWhNVUZSWVhHQmthR3h3ZEhoOCIsIm9yaW\#
            dpbiI6Imh0dHBzOi8vc2hvcC5leGFtcGxlIn0","authenticatorData":"D1lGPGBsWw5dPagfNuP3wX\#
            WsIwxg51whRM47dSJHYHwdAAAAAA","signature":"MEYCIQDdsEbu6elLvwOM0kw7ikFsbYkB9swZhqr\#
            jMPURt4oN5wIhAOVuTNQtoay5sXI0IfsjI9AqGULR1jx4nXO948Y6rEyQ","userHandle":null}}
            """#),
        Answer(
            "the handle of somebody else", .wrongCredential,
            #"""
            {"id":"Y3JlZGVudGlhbC1vZi1hbm4tZXMyNTY","rawId":"Y3JlZGVudGlhbC1vZi1hbm4tZXMyNTY",\#
            "type":"public-key","response":{"clientDataJSON":"eyJ0eXBlIjoid2ViYXV0aG4uZ2V0Iiwi\#
            Y2hhbGxlbmdlIjoiQUFFQ0F3UUZCZ2NJQ1FvTERBME9EeEFSRWhNVUZSWVhHQmthR3h3ZEhoOCIsIm9yaW\#
            dpbiI6Imh0dHBzOi8vc2hvcC5leGFtcGxlIn0","authenticatorData":"D1lGPGBsWw5dPagfNuP3wX\#
            WsIwxg51whRM47dSJHYHwdAAAAAA","signature":"MEQCIFniyFisQ_H2fBL9q0xmZx6EqCckat4btNO\#
            BaGKM0w01AiA2U1qU_ztLcu-8Qoe1ycJxZeapfhGuh8Dp0ozkhzNBwA","userHandle":"Ym9i"}}
            """#),
        Answer(
            "a counter that went back", .counterWentBack,
            #"""
            {"id":"Y3JlZGVudGlhbC1vZi1hbm4tZWRkc2E","rawId":"Y3JlZGVudGlhbC1vZi1hbm4tZWRkc2E",\#
            "type":"public-key","response":{"clientDataJSON":"eyJ0eXBlIjoid2ViYXV0aG4uZ2V0Iiwi\#
            Y2hhbGxlbmdlIjoiQUFFQ0F3UUZCZ2NJQ1FvTERBME9EeEFSRWhNVUZSWVhHQmthR3h3ZEhoOCIsIm9yaW\#
            dpbiI6Imh0dHBzOi8vc2hvcC5leGFtcGxlIn0","authenticatorData":"D1lGPGBsWw5dPagfNuP3wX\#
            WsIwxg51whRM47dSJHYHwdAAAABQ","signature":"3W4T3I6vNYuUh5CjK0mS_ZUavWNV8RbT-vfqW6j\#
            -pYIOE8ExfBOEGDPFwT7THRt_bWhaOT87nMsxDmglsjVxAg","userHandle":"YW5u"}}
            """#),
        Answer(
            "a counter that stands still", .counterWentBack,
            #"""
            {"id":"Y3JlZGVudGlhbC1vZi1hbm4tZWRkc2E","rawId":"Y3JlZGVudGlhbC1vZi1hbm4tZWRkc2E",\#
            "type":"public-key","response":{"clientDataJSON":"eyJ0eXBlIjoid2ViYXV0aG4uZ2V0Iiwi\#
            Y2hhbGxlbmdlIjoiQUFFQ0F3UUZCZ2NJQ1FvTERBME9EeEFSRWhNVUZSWVhHQmthR3h3ZEhoOCIsIm9yaW\#
            dpbiI6Imh0dHBzOi8vc2hvcC5leGFtcGxlIn0","authenticatorData":"D1lGPGBsWw5dPagfNuP3wX\#
            WsIwxg51whRM47dSJHYHwdAAAABg","signature":"LOeVwtaPizTZlzncr81M0-UVF-S5EYoi0F2cIQO\#
            I3CMFS7bo7FJ-RfmllOfLvYS-Gva1TSiqR3Wuj2ei0hk4Dg","userHandle":"YW5u"}}
            """#),
        Answer(
            "the answer to the other question", .wrongType,
            #"""
            {"id":"Y3JlZGVudGlhbC1vZi1hbm4tZXMyNTY","rawId":"Y3JlZGVudGlhbC1vZi1hbm4tZXMyNTY",\#
            "type":"public-key","response":{"clientDataJSON":"eyJ0eXBlIjoid2ViYXV0aG4uY3JlYXRl\#
            IiwiY2hhbGxlbmdlIjoiQUFFQ0F3UUZCZ2NJQ1FvTERBME9EeEFSRWhNVUZSWVhHQmthR3h3ZEhoOCIsIm\#
            9yaWdpbiI6Imh0dHBzOi8vc2hvcC5leGFtcGxlIn0","authenticatorData":"D1lGPGBsWw5dPagfNu\#
            P3wXWsIwxg51whRM47dSJHYHwdAAAAAA","signature":"MEQCIGHZtmrltg8o4Zf_u9raElP62FPYyjr\#
            AIN3OYJ38ThRkAiAkLWYlCr_8XDsfBw55M4Xus3de7lNlQZL_h_Lh_IuNgw","userHandle":"YW5u"}}
            """#),
        Answer(
            "another challenge", .wrongChallenge,
            #"""
            {"id":"Y3JlZGVudGlhbC1vZi1hbm4tZXMyNTY","rawId":"Y3JlZGVudGlhbC1vZi1hbm4tZXMyNTY",\#
            "type":"public-key","response":{"clientDataJSON":"eyJ0eXBlIjoid2ViYXV0aG4uZ2V0Iiwi\#
            Y2hhbGxlbmdlIjoiQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQSIsIm9yaW\#
            dpbiI6Imh0dHBzOi8vc2hvcC5leGFtcGxlIn0","authenticatorData":"D1lGPGBsWw5dPagfNuP3wX\#
            WsIwxg51whRM47dSJHYHwdAAAAAA","signature":"MEQCIDAt3eI3biysO6tqG6eNXdh0fnI0FKD2LSS\#
            xyzlKRuQcAiAsZSVoSyLQQZJJ29tahDWgzanx_553BlxG2a-eAnU_Tg","userHandle":"YW5u"}}
            """#),
        Answer(
            "another origin", .wrongOrigin,
            #"""
            {"id":"Y3JlZGVudGlhbC1vZi1hbm4tZXMyNTY","rawId":"Y3JlZGVudGlhbC1vZi1hbm4tZXMyNTY",\#
            "type":"public-key","response":{"clientDataJSON":"eyJ0eXBlIjoid2ViYXV0aG4uZ2V0Iiwi\#
            Y2hhbGxlbmdlIjoiQUFFQ0F3UUZCZ2NJQ1FvTERBME9EeEFSRWhNVUZSWVhHQmthR3h3ZEhoOCIsIm9yaW\#
            dpbiI6Imh0dHBzOi8vZXZpbC5leGFtcGxlIn0","authenticatorData":"D1lGPGBsWw5dPagfNuP3wX\#
            WsIwxg51whRM47dSJHYHwdAAAAAA","signature":"MEUCIDFXKbpejVhR-oJm77XeKiycBBuritq-RLK\#
            dHuj1MeeZAiEArQeuqu-dIxr1bXFgIzSBZbwn_ubu7Hihlg8_kTGXn3E","userHandle":"YW5u"}}
            """#),
        Answer(
            "another relying party", .wrongRelyingParty,
            #"""
            {"id":"Y3JlZGVudGlhbC1vZi1hbm4tZXMyNTY","rawId":"Y3JlZGVudGlhbC1vZi1hbm4tZXMyNTY",\#
            "type":"public-key","response":{"clientDataJSON":"eyJ0eXBlIjoid2ViYXV0aG4uZ2V0Iiwi\#
            Y2hhbGxlbmdlIjoiQUFFQ0F3UUZCZ2NJQ1FvTERBME9EeEFSRWhNVUZSWVhHQmthR3h3ZEhoOCIsIm9yaW\#
            dpbiI6Imh0dHBzOi8vc2hvcC5leGFtcGxlIn0","authenticatorData":"nBgN4M1pnueIl8R8_bPn7h\#
            11kG4xt3RqR0fepTaQmDcdAAAAAA","signature":"MEUCIQDGaudebHc5TXdGUMim6DYjTT_d4v5mFUU\#
            nocM_D14mEAIgVHgWXrI1jhIBotVbVNdc8qu8sC1UPne3rgbHzjBCslk","userHandle":"YW5u"}}
            """#),
        Answer(
            "nobody there", .userNotPresent,
            #"""
            {"id":"Y3JlZGVudGlhbC1vZi1hbm4tZXMyNTY","rawId":"Y3JlZGVudGlhbC1vZi1hbm4tZXMyNTY",\#
            "type":"public-key","response":{"clientDataJSON":"eyJ0eXBlIjoid2ViYXV0aG4uZ2V0Iiwi\#
            Y2hhbGxlbmdlIjoiQUFFQ0F3UUZCZ2NJQ1FvTERBME9EeEFSRWhNVUZSWVhHQmthR3h3ZEhoOCIsIm9yaW\#
            dpbiI6Imh0dHBzOi8vc2hvcC5leGFtcGxlIn0","authenticatorData":"D1lGPGBsWw5dPagfNuP3wX\#
            WsIwxg51whRM47dSJHYHwMAAAAAA","signature":"MEUCIQC3aBjjFiXQeFQJr9_Ztf07pY9KcBgcNy7\#
            HO-4y69Q8VAIgd_braqWOXbGJvA3JRtJcZmvtWJ5hMfr09pfklbNbhuM","userHandle":"YW5u"}}
            """#),
        Answer(
            "nobody verified", .userNotVerified,
            #"""
            {"id":"Y3JlZGVudGlhbC1vZi1hbm4tZXMyNTY","rawId":"Y3JlZGVudGlhbC1vZi1hbm4tZXMyNTY",\#
            "type":"public-key","response":{"clientDataJSON":"eyJ0eXBlIjoid2ViYXV0aG4uZ2V0Iiwi\#
            Y2hhbGxlbmdlIjoiQUFFQ0F3UUZCZ2NJQ1FvTERBME9EeEFSRWhNVUZSWVhHQmthR3h3ZEhoOCIsIm9yaW\#
            dpbiI6Imh0dHBzOi8vc2hvcC5leGFtcGxlIn0","authenticatorData":"D1lGPGBsWw5dPagfNuP3wX\#
            WsIwxg51whRM47dSJHYHwJAAAAAA","signature":"MEQCIAmtAFm9ZoeWh0eVoo9CWL1f3VU_BcQdNkc\#
            MC8V2mGysAiB7P9sPk7Nm_YTQ2oyJvonPOaWE2Ag-0eJ1Koqx6A_oJw","userHandle":"YW5u"}}
            """#),
        Answer(
            "no longer eligible", .badFlags,
            #"""
            {"id":"Y3JlZGVudGlhbC1vZi1hbm4tZXMyNTY","rawId":"Y3JlZGVudGlhbC1vZi1hbm4tZXMyNTY",\#
            "type":"public-key","response":{"clientDataJSON":"eyJ0eXBlIjoid2ViYXV0aG4uZ2V0Iiwi\#
            Y2hhbGxlbmdlIjoiQUFFQ0F3UUZCZ2NJQ1FvTERBME9EeEFSRWhNVUZSWVhHQmthR3h3ZEhoOCIsIm9yaW\#
            dpbiI6Imh0dHBzOi8vc2hvcC5leGFtcGxlIn0","authenticatorData":"D1lGPGBsWw5dPagfNuP3wX\#
            WsIwxg51whRM47dSJHYHwFAAAAAA","signature":"MEYCIQCFOjG3rSJSFIP2Ok6e0TvLh870gDJ8sl6\#
            mrJmhgQlbGwIhANaid7lhjrXT7WEgrVewSvzGTT8q00yHwTXAxLqXDH9b","userHandle":"YW5u"}}
            """#),
    ]
}
