package quartz

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // for machines without a database of time zones
)

// abbreviations are those of java.time.ZoneId.SHORT_IDS.
var abbreviations = map[string]string{
	"ACT": "Australia/Darwin", "AET": "Australia/Sydney", "AGT": "America/Argentina/Buenos_Aires",
	"ART": "Africa/Cairo", "AST": "America/Anchorage", "BET": "America/Sao_Paulo", "BST": "Asia/Dhaka",
	"CAT": "Africa/Harare", "CNT": "America/St_Johns", "CST": "America/Chicago", "CTT": "Asia/Shanghai",
	"EAT": "Africa/Addis_Ababa", "IET": "America/Indiana/Indianapolis", "IST": "Asia/Kolkata",
	"JST": "Asia/Tokyo", "MIT": "Pacific/Apia", "NET": "Asia/Yerevan", "NST": "Pacific/Auckland",
	"PLT": "Asia/Karachi", "PNT": "America/Phoenix", "PRT": "America/Puerto_Rico", "PST": "America/Los_Angeles",
	"SST": "Pacific/Guadalcanal", "VST": "Asia/Ho_Chi_Minh",
	"ECT": "Europe/Paris", //nolint:misspell // an abbreviation
	"EST": "UTC-05:00", "HST": "UTC-10:00", "MST": "UTC-07:00",
}

// Zone finds a time zone: Region/City, UTC+05:30, or an abbreviation; UTC for "".
func Zone(name string) (*time.Location, error) {
	if long, ok := abbreviations[name]; ok {
		name = long
	}
	for _, prefix := range []string{"UTC", "GMT"} {
		if offset, ok := strings.CutPrefix(name, prefix); ok && offset != "" {
			return fixed(name, offset)
		}
	}
	zone, err := time.LoadLocation(name)
	if err != nil || name == "Local" {
		return nil, fmt.Errorf("there is no time zone %q; use Region/City, UTC+05:30 or an abbreviation such as PST",
			name)
	}
	return zone, nil
}

// fixed reads an offset: +5, +05:30, -0800.
func fixed(name, offset string) (*time.Location, error) {
	hours, minutes, _ := strings.Cut(offset[1:], ":")
	if len(hours) == 4 {
		hours, minutes = hours[:2], hours[2:]
	}
	h, err := strconv.ParseUint(hours, 10, 8)
	m := uint64(0)
	if err == nil && minutes != "" {
		m, err = strconv.ParseUint(minutes, 10, 8)
	}
	if sign := offset[0]; err != nil || sign != '+' && sign != '-' || h > 18 || m > 59 {
		return nil, fmt.Errorf("there is no time zone %q; an offset is written UTC+05:30", name)
	}
	seconds := int(h*3600 + m*60)
	if offset[0] == '-' {
		seconds = -seconds
	}
	return time.FixedZone(name, seconds), nil
}
