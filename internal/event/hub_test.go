package event

import "testing"

func TestHub(t *testing.T) {
	h := NewHub()
	h.Changed("nobody listens")
	c, stop := h.Listen("a", "b")
	h.Changed("a")
	h.Changed("b", "a", "c")
	<-c
	select {
	case <-c:
		t.Error("changes that were not looked at yet are one")
	default:
	}
	h.Changed("b")
	<-c
	stop()
	h.Changed("a", "b")
	select {
	case <-c:
		t.Error("told after it stopped listening")
	default:
	}
	if len(h.waiting) != 0 {
		t.Errorf("%d names are still listened to", len(h.waiting))
	}
}
