package toolerror_test

import (
	"fmt"
	"strings"
	"testing"

	"slipway/spec/spectest"
	"slipway/spec/toolerror"
)

func lines(text string) (all []toolerror.Line) {
	for i, l := range strings.Split(strings.Trim(text, "\n"), "\n") {
		all = append(all, toolerror.Line{Number: int64(i), Text: l})
	}
	return all
}

// brief is a finding in one line: kind, tool, place, subject and message.
func brief(f *toolerror.Finding) string {
	if f == nil {
		return "nothing"
	}
	place := f.File
	if f.Line > 0 {
		place += fmt.Sprintf(":%d", f.Line)
	}
	if f.Column > 0 {
		place += fmt.Sprintf(":%d", f.Column)
	}
	return fmt.Sprintf("%s|%s|%s|%s|%s", f.Kind, f.Tool, place, f.Subject, f.Message)
}

// cases are outputs as tools write them that are not on every machine.
var cases = []struct{ name, output, want string }{
	{"nothing", "all is well\nerrors: 0", "nothing"},
	{"no errors", "Error: 0 problems", "nothing"},
	{"go test", "=== RUN   TestSum\n    sum_test.go:9: Sum(1, 2) = 4, want 3\n--- FAIL: TestSum (0.00s)\nFAIL\nFAIL\tshop\t0.002s",
		"TEST_FAILURE|Go|sum_test.go:9|TestSum|TestSum: Sum(1, 2) = 4, want 3"},
	{"go subtest", "--- FAIL: TestSum (0.00s)\n    --- FAIL: TestSum/big (0.00s)\n        sum_test.go:9: too big",
		"TEST_FAILURE|Go|sum_test.go:9|TestSum/big|TestSum/big: too big"},
	{"go testify", "--- FAIL: TestSum (0.00s)\n    sum_test.go:9: \n        \tError Trace:\tsum_test.go:9\n        \tError:      \tNot equal",
		"TEST_FAILURE|Go|sum_test.go:9|TestSum|TestSum: Error Trace:\tsum_test.go:9"},
	{"cargo test", "test tests::adds ... FAILED\ntest tests::ok ... ok\n\nfailures:\n\n---- tests::adds stdout ----\n\n" +
		"thread 'tests::adds' (4711) panicked at src/lib.rs:8:5:\nassertion `left == right` failed\n  left: 4\n right: 5\n\nerror: test failed, to rerun pass `--lib`",
		"TEST_FAILURE|Rust|src/lib.rs:8:5|tests::adds|tests::adds: assertion `left == right` failed"},
	{"tsc", "src/cart.ts(12,7): error TS2322: Type 'string' is not assignable to type 'number'.",
		"COMPILE_ERROR|TypeScript|src/cart.ts:12:7||Type 'string' is not assignable to type 'number'."},
	{"tsc pretty", "src/cart.ts:12:7 - error TS2322: Type 'string' is not assignable to type 'number'.",
		"COMPILE_ERROR|TypeScript|src/cart.ts:12:7||Type 'string' is not assignable to type 'number'."},
	{"eslint", "\n/app/src/a.js\n   1:1  warning  Unexpected console  no-console\n  12:3  error    'x' is not defined   no-undef\n\n✖ 2 problems",
		"COMPILE_ERROR|ESLint|/app/src/a.js:12:3||'x' is not defined"},
	{"jest", "FAIL src/sum.test.js\n  ● cart › adds two\n\n    expect(received).toBe(expected)\n\n      at Object.toBe (src/sum.test.js:5:17)\n",
		"TEST_FAILURE|Node|src/sum.test.js:5:17|cart › adds two|cart › adds two: expect(received).toBe(expected)"},
	{"vitest", " FAIL  src/sum.test.ts > adds two\nAssertionError: expected 3 to be 4\n ❯ src/sum.test.ts:5:20\n",
		"TEST_FAILURE|Node|src/sum.test.ts:5:20|adds two|adds two: AssertionError: expected 3 to be 4"},
	{"npm 404", "npm error code E404\nnpm error 404 Not Found - GET https://registry.example/left-padd - Not found",
		"MISSING_DEPENDENCY|npm||left-padd|Not Found - GET https://registry.example/left-padd - Not found"},
	{"npm ERESOLVE", "npm ERR! code ERESOLVE\nnpm ERR! ERESOLVE unable to resolve dependency tree",
		"MISSING_DEPENDENCY|npm||ERESOLVE|ERESOLVE: unable to resolve dependency tree"},
	{"esbuild", "✘ [ERROR] Could not resolve \"left-pad\"\n\n    src/a.js:1:18:\n      1 │ import x",
		"COMPILE_ERROR|esbuild|src/a.js:1:18||Could not resolve \"left-pad\""},
	{"pytest", "tests/test_cart.py:12: AssertionError\n=== short test summary info ===\nFAILED tests/test_cart.py::test_total - assert 3 == 4\n1 failed",
		"TEST_FAILURE|Python|tests/test_cart.py:12|test_total|test_total: assert 3 == 4"},
	{"pytest import", "ERROR tests/test_cart.py - ModuleNotFoundError: No module named 'flask'",
		"MISSING_DEPENDENCY|Python|tests/test_cart.py|flask|ModuleNotFoundError: No module named 'flask'"},
	{"mypy", "shop/cart.py:3: error: Incompatible return value type  [return-value]",
		"COMPILE_ERROR|Python|shop/cart.py:3||Incompatible return value type  [return-value]"},
	{"ruff", "shop/cart.py:3:1: F401 `os` imported but unused", "COMPILE_ERROR|Python|shop/cart.py:3:1||F401 `os` imported but unused"},
	{"pip", "ERROR: Could not find a version that satisfies the requirement flaskk==9 (from versions: none)\nERROR: No matching distribution found for flaskk==9",
		"MISSING_DEPENDENCY|pip||flaskk==9|Could not find a version that satisfies the requirement flaskk==9 (from versions: none)"},
	{"maven", "[INFO] x\n[ERROR] /app/src/main/java/A.java:[12,9] cannot find symbol\n[ERROR] Failed to execute goal x",
		"COMPILE_ERROR|Maven|/app/src/main/java/A.java:12:9||cannot find symbol"},
	{"surefire", "[ERROR] shop.CartTest.total -- Time elapsed: 0.01 s <<< FAILURE!\norg.opentest4j.AssertionFailedError: expected: <3> but was: <4>\n\tat org.junit.jupiter.api.X.y(X.java:1)\n\tat shop.CartTest.total(CartTest.java:9)",
		"TEST_FAILURE|Maven|CartTest.java:9|shop.CartTest.total|shop.CartTest.total: org.opentest4j.AssertionFailedError: expected: <3> but was: <4>"},
	{"gradle test", "CartTest > total() FAILED\n    org.opentest4j.AssertionFailedError: expected: <3> but was: <4>\n        at shop.CartTest.total(CartTest.java:9)\n\n> Task :test FAILED",
		"TEST_FAILURE|Gradle|CartTest.java:9|CartTest > total()|CartTest > total(): org.opentest4j.AssertionFailedError: expected: <3> but was: <4>"},
	{"kotlin", "e: file:///app/src/A.kt:3:5 Unresolved reference 'x'.", "COMPILE_ERROR|Kotlin|/app/src/A.kt:3:5||Unresolved reference 'x'."},
	{"gradle dependency", "> Could not resolve com.example:shop:1.2.", "MISSING_DEPENDENCY|Java||com.example:shop:1.2|Could not resolve com.example:shop:1.2."},
	{"csc", "/app/Program.cs(5,13): error CS0103: The name 'x' does not exist in the current context [/app/app.csproj]",
		"COMPILE_ERROR|.NET|/app/Program.cs:5:13||The name 'x' does not exist in the current context"},
	{"nuget", "/app/app.csproj : error NU1101: Unable to find package Shopp.Cart. No packages exist with this id [/app/app.sln]",
		"MISSING_DEPENDENCY|.NET|/app/app.csproj|Shopp.Cart|Unable to find package Shopp.Cart. No packages exist with this id"},
	{"dotnet throws", "Unhandled exception. System.InvalidOperationException: no cart\n   at Shop.Cart.Total() in /app/Cart.cs:line 7",
		"CRASH|.NET|/app/Cart.cs:7||System.InvalidOperationException: no cart"},
	{"dotnet test", "  Failed Shop.Tests.Total [12 ms]\n  Error Message:\n   Assert.Equal() Failure\n  Stack Trace:\n     at Shop.Tests.Total() in /app/Tests.cs:line 7",
		"TEST_FAILURE|.NET|/app/Tests.cs:7|Shop.Tests.Total|Shop.Tests.Total: Assert.Equal() Failure"},
	{"msvc", `src\cart.cpp(12): error C2065: 'x': undeclared identifier`, `COMPILE_ERROR|C|src\cart.cpp:12||'x': undeclared identifier`},
	{"cmake", "CMake Error at CMakeLists.txt:3 (find_package):\n  Could not find a package configuration file provided by \"Qt6\"\n",
		"ERROR|CMake|CMakeLists.txt:3||Could not find a package configuration file provided by \"Qt6\""},
	{"buildkit", "#7 0.312 /bin/sh: 1: mak: not found\n------\n > [2/2] RUN mak:\n0.312 /bin/sh: 1: mak: not found\n------\nDockerfile:2\n" +
		"ERROR: failed to solve: process \"/bin/sh -c mak\" did not complete successfully: exit code: 127",
		"COMPILE_ERROR|Docker|Dockerfile:2||/bin/sh: 1: mak: not found (process \"/bin/sh -c mak\" did not complete successfully: exit code: 127)"},
	{"docker daemon", "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?",
		"MISSING_TOOL|Docker||Docker daemon|Cannot connect to the Docker daemon at unix:///var/run/docker.sock"},
	{"docker rate", "Error response from daemon: toomanyrequests: You have reached your pull rate limit.",
		"NETWORK|Docker|||toomanyrequests: You have reached your pull rate limit."},
	{"git network", "fatal: unable to access 'https://git.invalid/x/': Could not resolve host: git.invalid",
		"ERROR|Git|||unable to access 'https://git.invalid/x/': Could not resolve host: git.invalid"},
	{"node network", "Error: getaddrinfo ENOTFOUND registry.invalid", "NETWORK|||registry.invalid|getaddrinfo ENOTFOUND registry.invalid"},
	{"go network", "go: shop@v1: Get \"https://x\": dial tcp: lookup proxy.invalid on 1.1.1.1:53: no such host",
		"NETWORK|||proxy.invalid|dial tcp: lookup proxy.invalid on 1.1.1.1:53: no such host"},
	{"disk before all", "x.c:1:2: error: huh\ncp: error writing '/tmp/x': No space left on device",
		"DISK_FULL||||cp: error writing '/tmp/x': No space left on device"},
	{"java memory", "Exception in thread \"main\" java.lang.OutOfMemoryError: Java heap space\n\tat A.main(A.java:3)",
		"OUT_OF_MEMORY|Java|||java.lang.OutOfMemoryError: Java heap space"},
	{"node memory", "FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory",
		"OUT_OF_MEMORY|Node|||JavaScript heap out of memory"},
	{"cc killed", "c++: fatal error: Killed signal terminated program cc1plus\ncompilation terminated.",
		"OUT_OF_MEMORY|C||cc1plus|Killed signal terminated program cc1plus"},
	{"make only", "make: *** [Makefile:3: all] Error 2", "ERROR|make||Makefile:3: all|make: *** [Makefile:3: all] Error 2"},
	{"word", "2026-01-02 12:00:00 ERROR the cart has no lock", "ERROR||||the cart has no lock"},
}

func TestFind(t *testing.T) {
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if got := brief(toolerror.Find(lines(c.output), 1)); got != c.want {
				t.Errorf("found\n  %s, want\n  %s", got, c.want)
			}
		})
	}
}

// TestExitCode has a missing program count where the command ended with it, and not where a script tried several.
func TestExitCode(t *testing.T) {
	const output = "sh: 1: gmake: not found\nx.c:1:2: error: huh"
	if f := toolerror.Find(lines(output[:23]), 1); f == nil || !f.Weak {
		t.Errorf("%+v", f)
	}
	if got := brief(toolerror.Find(lines(output), 1)); got != "COMPILE_ERROR|C|x.c:1:2||huh" {
		t.Error(got)
	}
	if got := brief(toolerror.Find(lines(output+"\nsh: 3: cpack: not found"), 127)); got !=
		"MISSING_TOOL|shell||cpack|cpack: not found" {
		t.Error(got)
	}
}

func TestLinear(t *testing.T) {
	for _, line := range []string{"error: x", "Traceback (most recent call last):", "  1:2  error  x  y", "test a ... FAILED",
		"TypeError: x", "FAILED a.py::b - c", "ERROR: failed to solve: x", "npm ERR! code EX", "-- FAIL: TestX", "[ERROR] x"} {
		t.Run(line, func(t *testing.T) {
			spectest.Linear(t, 2000, func(n int) func() {
				all := lines(strings.Repeat(line+"\n", n))
				return func() { toolerror.Find(all, 1) }
			})
		})
	}
}

func FuzzFind(f *testing.F) {
	for _, c := range cases {
		f.Add(c.output, 1)
	}
	f.Fuzz(func(t *testing.T, output string, exit int) {
		found := toolerror.Find(lines(output), exit)
		if found == nil {
			return
		}
		if found.Message == "" && strings.TrimSpace(found.Lines[0].Text) != "" || found.Kind == "" || len(found.Lines) > 5 {
			t.Errorf("%+v", found)
		}
		if found.File == "" && found.Line != 0 {
			t.Errorf("a line without a file: %+v", found)
		}
	})
}
