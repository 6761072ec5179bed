package build_test

import (
	"testing"

	cb "slipway/api/codebuild"
	"slipway/api/slipway"
)

func TestCuratedImagesAreThoseThatSomethingStandsFor(t *testing.T) {
	s := open(t)
	list := func() []cb.EnvironmentPlatform {
		t.Helper()
		out, err := s.api.ListCuratedEnvironmentImages(t.Context(), &cb.ListCuratedEnvironmentImagesInput{})
		if err != nil {
			t.Fatal(err)
		}
		return out.Platforms
	}
	if all := list(); len(all) != 0 {
		t.Errorf("%+v", all)
	}
	for _, name := range []string{"aws/codebuild/standard:7.0", "aws/codebuild/standard:6.0",
		"aws/codebuild/amazonlinux-x86_64-standard:5.0", "aws/codebuild/*"} {
		if _, err := s.PutImage(t.Context(), &slipway.PutImageInput{Name: &name, Image: new("debian:12")}); err != nil {
			t.Fatal(err)
		}
	}
	all := list()
	if len(all) != 2 || all[0].Platform != cb.PlatformTypeAmazonLinux || all[1].Platform != cb.PlatformTypeUbuntu {
		t.Fatalf("%+v", all)
	}
	ubuntu := all[1].Languages[0].Images
	if len(ubuntu) != 2 || *ubuntu[0].Name != "aws/codebuild/standard:6.0" ||
		*ubuntu[0].Description != "Builds run in debian:12" {
		t.Errorf("%+v", ubuntu)
	}
}
