package event

import "testing"

func TestHints(t *testing.T) {
	h := NewHints(nil)
	h.Now("nobody listens")
	c, stop := h.Listen("a", "b")
	h.Now("a")
	h.Now("b", "a", "c")
	<-c
	select {
	case <-c:
		t.Error("changes that were not looked at yet are one")
	default:
	}
	h.Now("b")
	<-c
	stop()
	h.Now("a", "b")
	select {
	case <-c:
		t.Error("told after it stopped listening")
	default:
	}
	if len(h.waiting) != 0 {
		t.Errorf("%d names are still listened to", len(h.waiting))
	}
}
