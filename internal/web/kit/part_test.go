package kit

import (
	"strings"
	"testing"
)

const sample = `<!DOCTYPE html><html><head><title>Board &amp; more</title></head><body>
<a id="attention" data-part href="/board?a=1&gt;2"><svg><use href="#g"></use></svg></a>
<main id="main" data-live="/live?on=x">
<div class="head" data-part id="head"><div><h1>One <time title="a > b" datetime="x">5 s ago</time></h1></div></div>
<section id="list" data-part><div>1</div><br/><section>2</section></section>
<div id="rest">no part</div>
</main></body></html>`

func TestPartsOf(t *testing.T) {
	all := partsOf(sample)
	var ids []string
	for _, p := range all {
		ids = append(ids, p.id)
		if !strings.HasPrefix(p.html, "<") || !strings.HasSuffix(p.html, ">") {
			t.Errorf("%s is %q", p.id, p.html)
		}
	}
	if got := strings.Join(ids, " "); got != "attention head list" {
		t.Fatalf("parts %q", got)
	}
	if want := `<section id="list" data-part><div>1</div><br/><section>2</section></section>`; all[2].html != want {
		t.Errorf("%q, want %q", all[2].html, want)
	}
	if got := titleOf(sample); got != "Board & more" {
		t.Errorf("title %q", got)
	}
}

// A part's sum changes with its content, and not by the passing of time.
func TestSums(t *testing.T) {
	before := partsOf(sample)
	later := partsOf(strings.Replace(sample, "5 s ago", "9 s ago", 1))
	changed := partsOf(strings.Replace(sample, "One", "Two", 1))
	if before[1].sum != later[1].sum {
		t.Error("the time that passes changes a part")
	}
	if before[1].sum == changed[1].sum || before[2].sum != changed[2].sum {
		t.Error("a change of the head changes the head alone")
	}
	if got := withSums(sample); !strings.Contains(got, `data-have="attention:`+before[0].sum+` head:`) {
		t.Errorf("no sums in %q", got)
	}
}

// What is cut off or malformed ends the search.
func TestPartsOfAnything(t *testing.T) {
	for i := range sample {
		partsOf(sample[:i])
		partsOf(sample[i:])
	}
}
