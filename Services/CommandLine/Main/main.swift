import CommandLine

await Cdt.runProcess()
