package toolerror

// machineRules know what the machine lacks: memory and room on the disk.
var machineRules = []rule{
	{kind: DiskFull, weight: machine, has: "o space left on device",
		is: expression(`(?P<message>[Nn]o space left on device)`), more: whatWrote},
	{kind: DiskFull, weight: machine, has: "ENOSPC", is: expression(`\bENOSPC\b`)},
	{kind: DiskFull, weight: machine, has: "isk quota exceeded",
		is: expression(`(?P<message>[Dd]isk quota exceeded)`)},
	{tool: "Java", kind: OutOfMemory, weight: machine, has: "java.lang.OutOfMemoryError",
		is: expression(`(?P<message>java\.lang\.OutOfMemoryError(?:: .+)?)`)},
	{tool: "Node", kind: OutOfMemory, weight: machine, has: "heap out of memory",
		is: expression(`(?P<message>JavaScript heap out of memory)`)},
	{tool: "Go", kind: OutOfMemory, weight: machine, has: "runtime: out of memory",
		is: expression(`(?P<message>runtime: out of memory.*)`)},
	{tool: "Python", kind: OutOfMemory, weight: machine, has: "MemoryError",
		is: expression(`^(?P<message>(?:numpy\S*\.)?_?(?:Array)?MemoryError(?:: .+)?)$`)},
	{tool: ".NET", kind: OutOfMemory, weight: machine, has: "System.OutOfMemoryException",
		is: expression(`(?P<message>System\.OutOfMemoryException.*)`)},
	{tool: "C", kind: OutOfMemory, weight: machine, has: "Killed signal terminated program",
		is: expression(`fatal error: (?P<message>Killed signal terminated program (?P<subject>\S+))`)},
	{tool: "C", kind: OutOfMemory, weight: machine, has: "virtual memory exhausted",
		is: expression(`(?P<message>virtual memory exhausted.*)`)},
	{tool: "C", kind: OutOfMemory, weight: machine, has: "std::bad_alloc",
		is: expression(`(?P<message>.*std::bad_alloc.*)`)},
	{kind: OutOfMemory, weight: machine, has: "annot allocate memory",
		is: expression(`(?P<message>[Cc]annot allocate memory)`), more: whatWrote},
}

// before is what stands before the system's words in a line: "cp: error writing 'x': No space left on device".
var before = expression(`^(?P<message>.*\S): [A-Z]?[a-z].*$`)

// whatWrote has the whole line for a message: it says which program, and often which file.
func whatWrote(f *found) {
	if before().MatchString(f.all[f.at].Text) {
		f.Message = ""
	}
}
