package runner

import (
	"embed"
	"fmt"
	"os"
	"path"
	"strings"
)

// imageCommands are the programs that CodeBuild's images have besides tools. They need a POSIX shell with find, sort,
// sed and awk.
// Source: "Use the codebuild-tests-run CLI command", "Use the codebuild-glob-search CLI command" and "Debug builds with
// Session Manager" in the AWS CodeBuild user guide.
//
//go:embed commands/*
var imageCommands embed.FS

// placeCommands puts them into the room, and returns the folder, as the room shows it.
func (b *build) placeCommands() (folder string, err error) {
	entries, err := imageCommands.ReadDir("commands")
	if err != nil {
		return "", err
	}
	for _, e := range entries {
		text, err := imageCommands.ReadFile(path.Join("commands", e.Name()))
		if err != nil {
			return "", err
		}
		file, inside, err := b.space.tool(e.Name())
		if err != nil {
			return "", err
		}
		folder = path.Dir(inside)
		if err := os.WriteFile(file, text, 0o755); err != nil {
			return "", err
		}
	}
	return folder, b.writeTestTimes()
}

// testTimes is the file in which codebuild-tests-run finds how long tests took before: nanoseconds, a tab, a suite.
const testTimes = "test-times"

func (b *build) writeTestTimes() error {
	if len(b.order.TestTimes) == 0 {
		return nil
	}
	var text strings.Builder
	for _, t := range b.order.TestTimes {
		fmt.Fprintf(&text, "%d\t%s\n", t.Nanoseconds, t.Suite)
	}
	file, _, err := b.space.tool(testTimes)
	if err != nil {
		return err
	}
	return os.WriteFile(file, []byte(text.String()), 0o644)
}
