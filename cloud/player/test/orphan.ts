// The tests end with the command that runs them, also when that is killed: what
// they have started ends with them.

process.once("disconnect", () => process.exit(1));
