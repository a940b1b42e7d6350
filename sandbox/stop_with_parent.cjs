// Loaded into Azurite's process: when the process that started it dies, its end of the pipe closes and Azurite ends.
process.stdin.on("end", () => process.exit(0)).on("error", () => process.exit(0)).resume();
