package router

import "testing"

func TestSessionCookieIsNotPassedToTargets(t *testing.T) {
	for line, want := range map[string]string{
		"a=b":                            "a=b",
		"slipway=x":                      "",
		"a=b; slipway=x; c=d":            "a=b; c=d",
		"a=b;slipway=x;c=d":              "a=b; c=d",
		"slipway = x; a=b":               "a=b",
		"slipway":                        "",
		"\"slipway\"=x":                  "",
		"slipway2=x; my-slipway=y; A=sl": "slipway2=x; my-slipway=y; A=sl",
		"a=slipway=b":                    "a=slipway=b",
	} {
		if got := withoutSession(line); got != want {
			t.Errorf("Cookie: %s is passed on as %q, want %q", line, got, want)
		}
	}
}

func TestSessionCookieIsNotSetByTargets(t *testing.T) {
	for line, want := range map[string]bool{
		"slipway=FIXED; Path=/":   true,
		" slipway =FIXED":         true,
		"=slipway=FIXED; Path=/x": true,
		"slipway":                 true,
		"a=slipway":               false,
		"slipways=x":              false,
		"a=b; slipway=x":          false,
	} {
		if got := setsSession(line); got != want {
			t.Errorf("Set-Cookie: %s: dropped %v, want %v", line, got, want)
		}
	}
}
