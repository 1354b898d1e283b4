import Crypto
import Foundation

@testable import Notification

enum SHA256Text {
    static func hex(_ text: String) -> String { SHA256.hash(data: Data(text.utf8)).hexadecimal }
}
