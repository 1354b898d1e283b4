/// A Vietnamese mobile number: ten digits of the national form, the first two 03, 05, 07, 08 or 09.
struct PhoneNumber: Sendable, Hashable {
    /// `0912345678`.
    let national: String

    /// Reads the forms in which people write it: `0912 345 678`, `+84 912.345.678`, `84912345678`. Nil when it is no
    /// mobile number of Vietnam: a short message to a landline is paid for and never arrives.
    init?(_ text: String) {
        var digits = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "0"..."9": digits.unicodeScalars.append(scalar)
            case " ", ".", "-", "(", ")", "\u{A0}": continue
            case "+" where digits.isEmpty: continue
            default: return nil
            }
        }
        if digits.hasPrefix("84"), digits.utf8.count == 11 {
            digits = "0" + digits.dropFirst(2)
        } else if digits.hasPrefix("0084"), digits.utf8.count == 13 {
            digits = "0" + digits.dropFirst(4)
        }
        guard digits.utf8.count == 10, ["03", "05", "07", "08", "09"].contains(digits.prefix(2)) else { return nil }
        national = digits
    }

    /// `84912345678`, as Zalo and most gateways take it.
    var international: String { "84" + national.dropFirst() }

    /// `09…78`: tells two numbers apart, and names nobody.
    var masked: String { "\(national.prefix(2))…\(national.suffix(2))" }
}
