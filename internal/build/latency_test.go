package build_test

import (
	"testing"
	"time"

	cb "slipway/api/codebuild"
	"slipway/api/slipway"
	"slipway/internal/build"
)

// BenchmarkStart measures StartBuild, and from its answer to that of a runner's poll that was held.
func BenchmarkStart(b *testing.B) {
	s := open(b, func(c *build.Config) { c.Hold = 30 * time.Second })
	s.create(project("app"))
	var started, answered time.Duration
	for b.Loop() {
		got := make(chan time.Time, 1)
		ids := make(chan string, 1)
		go func() {
			ids <- *s.poll("r1", 1).Build.Id
			got <- time.Now()
		}()
		begin := time.Now()
		s.start(&cb.StartBuildInput{ProjectName: new("app")})
		committed := time.Now()
		id := <-ids
		started += committed.Sub(begin)
		answered += max(0, (<-got).Sub(committed))
		s.acknowledge("r1", id)
		s.complete("r1", id, slipway.Result{Status: cb.StatusTypeSucceeded})
	}
	b.ReportMetric(float64(started.Microseconds())/float64(b.N), "µs/start")
	b.ReportMetric(float64(answered.Microseconds())/float64(b.N), "µs/answer")
}
