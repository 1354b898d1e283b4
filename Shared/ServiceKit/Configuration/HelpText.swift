/// What `--help` shows: every option with its variable and its default.
enum HelpText {
    static func text(
        program: String, summary: String, options: [any AnyOption], actions: [(flag: String, help: String)]
    )
        -> String
    {
        var out = "\(summary)\n\nUsage: \(program) [options]\n\n"
        out += "An option is taken from its flag, else from its environment variable, else from the file of --config.\n"
        out += "\nOptions:\n"
        for option in options {
            out += "  --\(option.name)" + (option.valueName.map { " \($0)" } ?? "") + "\n"
            for line in wrapped(option.help) { out += "        \(line)\n" }
            var notes = ["environment: \(option.environmentName)"]
            if let value = option.defaultText, !option.isFlag { notes.append("default: \(value)") }
            if option.isList { notes.append("may be repeated") }
            if option.isSecret { notes.append("secret: prefer the environment or a file") }
            for line in wrapped("(" + notes.joined(separator: "; ") + ")") { out += "        \(line)\n" }
        }
        out += "\nInstead of starting:\n"
        for action in actions {
            out += "  \(action.flag)\n"
            for line in wrapped(action.help) { out += "        \(line)\n" }
        }
        return out
    }

    private static func wrapped(_ text: String, width: Int = 96) -> [String] {
        var lines: [String] = []
        var line = ""
        for word in text.split(separator: " ") {
            if !line.isEmpty, line.count + 1 + word.count > width {
                lines.append(line)
                line = ""
            }
            line += (line.isEmpty ? "" : " ") + word
        }
        return line.isEmpty ? lines : lines + [line]
    }
}
