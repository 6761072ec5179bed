package policy

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// generator makes policies and requests out of few words, so that they often meet.
type generator struct{ *rand.Rand }

func (g generator) pick(words ...string) string { return words[g.IntN(len(words))] }

func (g generator) list(words ...string) string {
	var out []string
	for range 1 + g.IntN(3) {
		out = append(out, `"`+g.pick(words...)+`"`)
	}
	return "[" + strings.Join(out, ", ") + "]"
}

func (g generator) statement(effect string, kind Kind) string {
	s := fmt.Sprintf(`{"Effect": %q, "%s": %s, "%s": %s`, effect,
		g.pick("Action", "Action", "NotAction"), g.list("a:Get", "a:Put", "a:*", "b:Get", "*", "a:G?t"),
		g.pick("Resource", "Resource", "NotResource"),
		g.list("*", "arn:aws:a:::x", "arn:aws:a:::x/*", "arn:aws:a:::${aws:username}", "arn:aws:b:*:*:y"))
	if kind == Resource {
		s += fmt.Sprintf(`, "%s": {"AWS": %s}`, g.pick("Principal", "Principal", "NotPrincipal"),
			g.list(account, other, anna.ARN, session.ARN, session.Role, "*"))
	}
	if g.IntN(3) == 0 {
		s += fmt.Sprintf(`, "Condition": {"%s%s": {"%s": %s}}`,
			g.pick("", "", "ForAnyValue:", "ForAllValues:"),
			g.pick("StringEquals", "StringNotEquals", "StringLike", "StringNotLikeIfExists", "Null"),
			g.pick("aws:username", "k", "aws:PrincipalArn"), g.list("anna", "x", "*", "true", "${aws:username}"))
	}
	return s + "}"
}

func (g generator) policy(t testing.TB, kind Kind, effects ...string) Attached {
	var statements []string
	for range 1 + g.IntN(3) {
		statements = append(statements, g.statement(g.pick(effects...), kind))
	}
	return must(t, kind, `{"Version": "2012-10-17", "Statement": [`+strings.Join(statements, ", ")+`]}`)
}

func (g generator) sources(t testing.TB) Sources {
	both := []string{"Allow", "Allow", "Deny"}
	var s Sources
	for range g.IntN(3) {
		s.Identity = append(s.Identity, g.policy(t, Identity, both...))
	}
	if g.IntN(3) == 0 {
		b := g.policy(t, Identity, both...)
		s.Boundary = &b
	}
	if s.Limited = g.IntN(3) == 0; s.Limited {
		s.Session = append(s.Session, g.policy(t, Identity, both...))
	}
	for range g.IntN(3) {
		s.Resource = append(s.Resource, g.policy(t, Resource, both...))
	}
	s.Alone = g.IntN(4) == 0
	return s
}

func (g generator) request() Request {
	ctx := Values{}
	if g.IntN(2) == 0 {
		ctx["aws:username"] = []string{"anna"}
	}
	if g.IntN(2) == 0 {
		ctx["k"] = []string{"x", "anna"}[:1+g.IntN(2)]
	}
	principals := []Principal{anna, session, federated, root, stranger, builder, {}}
	r := Request{
		Principal: principals[g.IntN(len(principals))],
		Action:    g.pick("a:Get", "a:Put", "b:Get", "A:gEt"),
		Resource:  g.pick("*", "arn:aws:a:::x", "arn:aws:a:::x/1", "arn:aws:a:::anna", "arn:aws:b:r:1:y"),
		Account:   account,
		Context:   ctx,
	}
	ctx["aws:principalarn"] = []string{r.Principal.ARN}
	return r
}

func TestRandomRequestsKeepTheLawsOfEvaluation(t *testing.T) {
	allowed := 0
	const rounds = 5000
	for seed := range uint64(rounds) {
		g := generator{rand.New(rand.NewPCG(seed, 1))}
		s, r := g.sources(t), g.request()
		before := Decide(s, r)
		if before.Allowed {
			allowed++
		}
		if before.Allowed && before.Explicit || before.Type == 0 {
			t.Fatalf("seed %d: got %+v", seed, before)
		}
		if after := Decide(g.with(t, s, "Deny"), r); after.Allowed && !before.Allowed {
			t.Fatalf("seed %d: a Deny more allows: %+v, was %+v", seed, after, before)
		}
		if after := Decide(g.with(t, s, "Allow"), r); !after.Allowed && before.Allowed {
			t.Fatalf("seed %d: an Allow more denies: %+v, was %+v", seed, after, before)
		}
		if after := Decide(g.shuffled(s), r); after.Allowed != before.Allowed || after.Type != before.Type ||
			after.Explicit != before.Explicit {
			t.Fatalf("seed %d: the order of policies matters: %+v, was %+v", seed, after, before)
		}
		if before.Statement > 0 && !slices.ContainsFunc(Matches(s, r), func(m Match) bool { return m.Decision == before }) {
			t.Fatalf("seed %d: %+v is none of the matches", seed, before)
		}
	}
	if allowed < rounds/50 || allowed > rounds*9/10 {
		t.Errorf("%d of %d random requests are allowed: the generator finds little", allowed, rounds)
	}
}

// with adds a policy with one effect to a source that is there: a boundary more would be a limit more.
func (g generator) with(t testing.TB, s Sources, effect string) Sources {
	switch {
	case g.IntN(3) == 0 && s.Limited:
		s.Session = append(slices.Clone(s.Session), g.policy(t, Identity, effect))
	case g.IntN(2) == 0:
		s.Resource = append(slices.Clone(s.Resource), g.policy(t, Resource, effect))
	default:
		s.Identity = append(slices.Clone(s.Identity), g.policy(t, Identity, effect))
	}
	return s
}

func (g generator) shuffled(s Sources) Sources {
	for _, list := range []*[]Attached{&s.Identity, &s.Session, &s.Resource} {
		*list = slices.Clone(*list)
		g.Shuffle(len(*list), func(i, j int) { (*list)[i], (*list)[j] = (*list)[j], (*list)[i] })
	}
	return s
}
