package view

import (
	"fmt"

	"slipway/api/awsproto"
	"slipway/api/slipway"
)

// CacheName is the key of a cache as people read it.
func CacheName(c *slipway.ProjectCacheState) string {
	name := awsproto.Value(c.Key)
	if name == "" {
		name = "(no key)"
	}
	if n := awsproto.Value(c.PullRequest); n != "" {
		name += " of pull request " + n
	}
	return name
}

// Size is a number of bytes as people read it.
func Size(n int64) string {
	const kib = 1 << 10
	size := float64(n)
	for _, unit := range []string{"B", "KiB", "MiB", "GiB"} {
		if size < kib {
			if unit == "B" || size >= 100 {
				return fmt.Sprintf("%.0f %s", size, unit)
			}
			return fmt.Sprintf("%.1f %s", size, unit)
		}
		size /= kib
	}
	return fmt.Sprintf("%.1f TiB", size)
}
