package toolerror

import (
	"strings"
)

const javaFile = `\S+\.(?:java|kts?|scala|groovy)`

var javaRules = []rule{
	{tool: "Java", kind: Compile, weight: cause, has: ": error: ", is: expression(
		`^(?P<file>` + javaFile + `):(?P<line>\d+):(?:(?P<column>\d+):)? error: (?P<message>.+)$`)},
	{tool: "Maven", kind: Compile, weight: cause, has: "[ERROR] ", is: expression(
		`^\[ERROR\] (?P<file>` + javaFile + `):\[?(?P<line>\d+)[,:](?P<column>\d+)\]? (?P<message>.+)$`)},
	{tool: "Kotlin", kind: Compile, weight: cause, has: "e: ", is: expression(
		`^e: (?:file://)?(?P<file>` + javaFile + `):(?P<line>\d+):(?P<column>\d+):? (?P<message>.+)$`)},
	{tool: "Maven", kind: Test, weight: cause, has: "<<< ", is: expression(
		`^\[ERROR\]\s+(?P<subject>[\w.$]+[.#]\w+\S*) .*<<< (?:FAILURE|ERROR)!$`), more: javaTest},
	{tool: "Gradle", kind: Test, weight: cause, has: " FAILED", is: expression(
		`^(?P<subject>[\w.$]+ > .+) FAILED$`), more: javaTest},
	{tool: "Gradle", kind: Other, weight: consequence, has: "> Task ", is: expression(
		`^> Task (?P<subject>\S+) FAILED$`)},
	{tool: "Java", kind: MissingDependency, weight: cause, has: "ould not ", is: expression(
		`(?P<message>(?:Could not find artifact|Could not resolve|could not resolve|Could not find) ` +
			`(?P<subject>[\w.-]+:[\w.-]+:[\w.:-]*\w).*)$`)},
	{tool: "Maven", kind: Other, weight: vague, has: "[ERROR] ", is: expression(
		`^\[ERROR\] (?P<message>Failed to execute goal .+)$`)},
	{tool: "Gradle", kind: Other, weight: vague, has: "* What went wrong:", is: expression(
		`^\* What went wrong:$`), more: nextSays},
	{tool: "Java", kind: Crash, weight: cause, has: "Exception in thread ", is: expression(
		`^Exception in thread "[^"]*" (?P<message>[\w.$]+(?:: .+)?)$`), more: javaFrame},
	{tool: "Java", kind: MissingDependency, weight: cause, has: "Could not find or load main class",
		is: expression(`^Error: (?P<message>Could not find or load main class (?P<subject>\S+))$`)},
}

var (
	javaAt     = expression(`^\s+at (?:\S+/)?[\w.$<>]+\((\w+\.\w+):(\d+)\)$`)
	javaThrown = expression(`^\s*(?:[\w.$]+(?:Error|Exception|Failed\w*))(?:: .*)?$`)
)

// javaFrame reads the first frame that is not of Java itself or of a test library.
func javaFrame(f *found) {
	f.ahead(func(text string, i int) bool {
		m := javaAt().FindStringSubmatch(text)
		if m == nil || strings.Contains(text, "at java.") || strings.Contains(text, "at org.junit") ||
			strings.Contains(text, "java.base/") || strings.Contains(text, "at org.opentest4j") {
			return false
		}
		f.show(i)
		return f.place(m)
	})
}

// javaTest reads the exception under a test that failed.
func javaTest(f *found) {
	f.Message = f.Subject
	f.ahead(func(text string, i int) bool {
		if !javaThrown().MatchString(text) {
			return i > f.at+maxLines
		}
		f.show(i)
		f.Message = f.Subject + ": " + strings.TrimSpace(text)
		return true
	})
	javaFrame(f)
}
