package terminal

import (
	"testing"
	"time"

	"slipway/api/awsproto"
)

func TestAgo(t *testing.T) {
	now := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	for d, want := range map[time.Duration]string{
		0: "now", -30 * time.Second: "now", 5 * time.Second: "5 s ago", 3 * time.Minute: "3 min ago",
		2 * time.Hour: "2 h ago", 72 * time.Hour: "3 d ago",
		-90 * time.Second: "in 1 min", -5 * time.Hour: "in 5 h", -7 * 24 * time.Hour: "in 7 d",
	} {
		if got := Ago(awsproto.At(now.Add(-d)), now); got != want {
			t.Errorf("%s ago is %q, want %q", d, got, want)
		}
	}
	if got := Ago(nil, now); got != "" {
		t.Errorf("never is %q", got)
	}
}
