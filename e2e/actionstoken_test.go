package e2e

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/codebuild"
	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"
)

// tokenSpec asks for an identity token as the toolkit of GitHub's actions does.
const tokenSpec = `version: 0.2
phases:
  build:
    steps:
      - run: |
          curl -sf -H "Authorization: bearer $ACTIONS_ID_TOKEN_REQUEST_TOKEN" \
            "$ACTIONS_ID_TOKEN_REQUEST_URL&audience=sts.amazonaws.com" | tr '"' '\n' | grep -F . | cut -d. -f2 | sed 's/^/claims /'
          curl -s -o /dev/null -w 'without %{http_code}\n' "$ACTIONS_ID_TOKEN_REQUEST_URL&audience=x"
          echo "the token is $ACTIONS_ID_TOKEN_REQUEST_TOKEN"
`

// Steps get identity tokens of their build by the names that actions look for.
func TestActionsGetIdentityTokens(t *testing.T) {
	t.Parallel()
	i := up(t)
	i.inline("steps", tokenSpec)
	b := i.build(&codebuild.StartBuildInput{ProjectName: new("steps")})
	text := i.printed(*b.Id)
	if b.BuildStatus != types.StatusTypeSucceeded {
		t.Fatalf("it is %s: %s", b.BuildStatus, text)
	}
	has(t, text, "without 404", "the token is ***")
	found := false
	for line := range strings.Lines(text) {
		encoded, ok := strings.CutPrefix(strings.TrimSpace(line), "claims ")
		var claims map[string]any
		decoded, err := base64.RawURLEncoding.DecodeString(encoded)
		if !ok || err != nil || json.Unmarshal(decoded, &claims) != nil {
			continue
		}
		found = true
		if claims["sub"] != "project:steps" || claims["aud"] != "sts.amazonaws.com" || claims["build_id"] != *b.Id {
			t.Errorf("the claims are %v", claims)
		}
	}
	if !found {
		t.Errorf("no token came:\n%s", text)
	}
}
