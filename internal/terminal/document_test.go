package terminal

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"slipway/api/awsproto"
	"slipway/api/codebuild"
)

func TestDocuments(t *testing.T) {
	v := map[string]any{
		"builds": []codebuild.Build{
			{
				Id:            new("web:1"),
				StartTime:     awsproto.At(time.UnixMilli(1700000000123)),
				BuildNumber:   new(int64(7)),
				BuildComplete: new(false),
				BuildStatus:   codebuild.StatusTypeFailed,
				Environment:   &codebuild.ProjectEnvironment{},
			},
		},
		"empty":   []string{},
		"nothing": nil,
	}
	var b strings.Builder
	if err := WriteJSON(&b, v); err != nil {
		t.Fatal(err)
	}
	var read struct {
		Builds []struct {
			ID        string    `json:"id"`
			StartTime time.Time `json:"startTime"`
			Number    int       `json:"buildNumber"`
			Complete  *bool     `json:"buildComplete"`
			Status    string    `json:"buildStatus"`
		} `json:"builds"`
		Empty   []string `json:"empty"`
		Nothing any      `json:"nothing"`
	}
	if err := json.Unmarshal([]byte(b.String()), &read); err != nil {
		t.Fatalf("%v\n%s", err, b.String())
	}
	x := read.Builds[0]
	if x.ID != "web:1" || !x.StartTime.Equal(time.UnixMilli(1700000000123)) || x.Number != 7 || x.Complete == nil ||
		*x.Complete ||
		x.Status != "FAILED" ||
		read.Empty == nil {
		t.Errorf("it is read as %+v\n%s", read, b.String())
	}
	if strings.Contains(b.String(), "endTime") ||
		!strings.Contains(b.String(), `"startTime": "2023-11-14T22:13:20.123Z"`) {
		t.Error(b.String())
	}
	b.Reset()
	if err := WriteYAML(
		&b,
		v,
	); err != nil || !strings.Contains(b.String(), "- id: web:1\n") ||
		!strings.Contains(b.String(), "buildNumber: 7\n") {
		t.Errorf("%v\n%s", err, b.String())
	}
}
