package runner

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"slipway/api/codebuild"
	"slipway/internal/journal"
	"slipway/internal/runner/executor/host"
	"slipway/internal/runner/room"
)

func BenchmarkOneCommand(b *testing.B) {
	for _, boxed := range []bool{false, true} {
		b.Run(fmt.Sprintf("sandbox=%v", boxed), func(b *testing.B) {
			var s Executor = host.Plain()
			if boxed {
				s = sandbox(b)
			}
			o := order(commands("echo hi"))
			for b.Loop() {
				dir := filepath.Join(b.TempDir(), "b")
				if r := runJob(b.Context(),
					Job{Order: o, Room: room.Spec{Dir: dir}, Log: new(watched),
						Executor: s}); r.Status != codebuild.StatusTypeSucceeded {
					b.Fatal(r.Status)
				}
			}
		})
	}
}

func BenchmarkMillionLines(b *testing.B) {
	line := strings.Repeat("x", 99)
	script := "i=0; while [ $i -lt 1000000 ]; do echo " + line + "; i=$((i+1)); done"
	b.Run("sh to a file", func(b *testing.B) {
		for b.Loop() {
			if err := exec.Command("sh", "-c", "("+script+") >"+filepath.Join(b.TempDir(), "f")).Run(); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("a build", func(b *testing.B) {
		s := sandbox(b)
		for b.Loop() {
			j, err := journal.Open(b.TempDir())
			if err != nil {
				b.Fatal(err)
			}
			w, err := j.Append(journal.Name{Group: "g", Stream: "s"})
			if err != nil {
				b.Fatal(err)
			}
			if r := runJob(b.Context(),
				Job{Order: order(commands(script)), Room: room.Spec{Dir: filepath.Join(b.TempDir(), "b")}, Log: w,
					Executor: s}); r.Status != codebuild.StatusTypeSucceeded || w.Lines() < 1_000_000 {
				b.Fatal(r.Status, w.Lines())
			}
			_ = w.Close()
		}
	})
}
