package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"time"

	"slipway/api/codebuild"
	"slipway/api/ssm"
)

// maskedSecrets is how many secrets a build has whose log is measured.
const maskedSecrets = 20

// fast prints a million lines of 100 bytes as fast as a program can, so that the log is what takes time.
var fast = "yes " + strings.Repeat("x", 99) + " | head -n 1000000"

// masking compares builds that print a million lines: with twenty secrets to look for, and with none but the
// credentials of their role, in turns.
func masking(ctx context.Context, b *bench) (string, error) {
	s := b.main
	head := "version: 0.2\nenv:\n  shell: /bin/sh\n"
	tail := "phases:\n  build:\n    commands:\n      - " + fast + "\n"
	hidden := "  parameter-store:\n"
	for n := range maskedSecrets {
		name := fmt.Sprintf("/CodeBuild/bench-%d", n)
		if _, err := s.parameters.PutParameter(ctx, &ssm.PutParameterInput{Name: &name,
			Type: ssm.ParameterTypeSecureString, Value: new(rand.Text())}); err != nil {
			return "", err
		}
		hidden += fmt.Sprintf("    SECRET_%d: %s\n", n, name)
	}
	for name, spec := range map[string]string{"bare": head + tail, "masked": head + hidden + tail} {
		if _, err := s.builds.CreateProject(ctx, project(name, codebuild.SourceTypeNoSource, spec)); err != nil {
			return "", err
		}
	}
	var took [2][]time.Duration
	for range 5 {
		for i, name := range []string{"bare", "masked"} {
			began := time.Now()
			if err := s.build(ctx, name); err != nil {
				return "", err
			}
			took[i] = append(took[i], time.Since(began))
		}
	}
	return fmt.Sprintf("%.2f ×: with %d secrets %s; without %s",
		float64(median(took[1]))/float64(median(took[0])), maskedSecrets, spread(took[1]), spread(took[0])), nil
}
