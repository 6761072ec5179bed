package server_test

import (
	"fmt"
	"testing"

	cd "slipway/api/codedeploy"
	"slipway/internal/deploy/deploytest"
)

// TestConformance takes hosts with their agents through what every platform passes.
func TestConformance(t *testing.T) {
	deploytest.Run(t, func(t *testing.T) deploytest.Subject {
		w := newWorld(t)
		for i, name := range []string{"blue1", "blue2", "green1", "green2"} {
			side := name[:len(name)-1]
			w.start(w.newHost(name, map[string]string{"side": side}))
			w.serves(name, fmt.Sprintf("10.0.0.%d:80", i+1))
		}
		tag := func(value string) []cd.TagFilter {
			return []cd.TagFilter{{Key: new("side"), Value: &value, Type: cd.TagFilterTypeKeyAndValue}}
		}
		sides := &cd.OnPremisesTagSet{OnPremisesTagSetList: [][]cd.TagFilter{tag("blue"), tag("green")}}
		revision := func(version string, scripts map[string]string) *cd.RevisionLocation {
			at := w.release(version, scripts).S3Location
			return &cd.RevisionLocation{
				RevisionType: cd.RevisionLocationTypeS3,
				S3Location:   &cd.S3Location{Bucket: at.Bucket, Key: at.Key, BundleType: cd.BundleTypeZip},
			}
		}
		version := 0
		return deploytest.Subject{
			Service:  w.service,
			Releases: deploytest.Attach(t, w.db, w.service),
			InPlace: deploytest.Kind{
				Platform: cd.ComputePlatformServer,
				Group:    cd.CreateDeploymentGroupInput{OnPremisesInstanceTagFilters: tag("blue")},
			},
			BlueGreen: deploytest.Kind{
				Platform: cd.ComputePlatformServer,
				Group:    cd.CreateDeploymentGroupInput{OnPremisesTagSet: sides},
			},
			Good: func() *cd.RevisionLocation {
				version++
				return revision(fmt.Sprint("v", version), nil)
			},
			Bad: func() *cd.RevisionLocation {
				return revision("bad", map[string]string{"AfterInstall": "exit 3"})
			},
		}
	})
}
