package app

import (
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
)

// AnyRegion is the setting with which requests for all regions are accepted.
const AnyRegion = "any"

// regions tells which regions' signatures are accepted besides the home region's. The resources are the same
// for all of them, and their ARNs are the home region's.
func acceptedRegions(o Options) func(string) bool {
	setting := o.Regions
	if setting == "" && loopback(o.Listen) {
		setting = AnyRegion
	}
	list := strings.FieldsFunc(setting, func(r rune) bool { return r == ',' || r == ' ' })
	if !slices.Contains(list, AnyRegion) {
		return func(region string) bool { return slices.Contains(list, region) }
	}
	var once sync.Map
	return func(region string) bool {
		if _, told := once.LoadOrStore("told", true); !told {
			sayRegion(o.Log, region, o.Place.Region)
		}
		return region != ""
	}
}

func sayRegion(log *slog.Logger, asked, home string) {
	log.Info(
		"a request was signed for another region; all regions are served from the same resources",
		"region",
		asked,
		"home",
		home,
	)
}

// loopback reports whether an address can be reached from this machine only.
func loopback(listen string) bool {
	host, _, err := net.SplitHostPort(listen)
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// CheckRegions refuses a setting that names no regions.
func CheckRegions(setting string) error {
	for r := range strings.SplitSeq(setting, ",") {
		if r = strings.TrimSpace(r); r != "" && !regionName().MatchString(r) {
			return fmt.Errorf(
				"--regions must be %q or names of regions with commas between them, such as eu-central-1,us-east-1; "+
					"%q is none",
				AnyRegion,
				r,
			)
		}
	}
	return nil
}
