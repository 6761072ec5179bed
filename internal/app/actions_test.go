package app

import (
	"testing"

	"slipway/internal/pipeline/pipelinetest"
)

func TestProvidersConform(t *testing.T) {
	t.Parallel()
	for _, p := range providers(nil, &stages{}, nil, nil) {
		pipelinetest.Conforms(t, p)
	}
}
