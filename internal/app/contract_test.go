package app

import (
	"slices"
	"testing"

	"slipway/api"
	"slipway/api/awsproto"
)

// A service that is generated and not served, or served and unknown to the command line, is a fault of wiring.
func TestEveryServiceIsServed(t *testing.T) {
	names := func(all []awsproto.Service) []string {
		var names []string
		for _, s := range all {
			names = append(names, s.Info().Name)
		}
		slices.Sort(names)
		return names
	}
	served := names(newContract(awsproto.Hooks{}, implementations{}).all())
	if known := names(api.Services()); !slices.Equal(served, known) {
		t.Errorf("served are %v, generated %v", served, known)
	}
}

// Compatibility counts what parts have; Unimplemented alone is nothing.
func TestImplements(t *testing.T) {
	var parts implementations
	if !implements(parts.codebuild, "StartBuild") || !implements(parts.codebuild, "BatchGetReports") {
		t.Error("operations of both parts of CodeBuild are implemented")
	}
	if implements(parts.codecommit, "CreatePullRequest") || implements(parts.iam, "UploadSigningCertificate") {
		t.Error("an operation that no part has is not implemented")
	}
}
