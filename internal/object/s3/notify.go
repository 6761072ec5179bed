package s3

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"time"

	"slipway/internal/event"
)

// Subject is the subject of S3's messages to topics.
const Subject = "Amazon S3 Notification"

// testEvent is what a topic is told when a notification is set.
func testEvent(bucket, request string, now time.Time) string {
	return asJSON(map[string]any{
		"Service":   "Amazon S3",
		"Event":     "s3:TestEvent",
		"Time":      now.UTC().Format(eventTime),
		"Bucket":    bucket,
		"RequestId": request,
		"HostId":    "slipway",
	})
}

const eventTime = "2006-01-02T15:04:05.000Z"

// asJSON is a value of maps and texts as JSON.
func asJSON(v any) string {
	text, err := json.Marshal(v)
	if err != nil { // for values that JSON has no form of, which are none here
		return ""
	}
	return string(text)
}

// Message is what a topic is told of a change ("Event message structure" in the S3 user guide).
func Message(c event.ObjectChange, region, account, configuration string) string {
	of := map[string]any{
		// Keys are as in forms, with + for spaces.
		"key":       strings.ReplaceAll(url.QueryEscape(c.Key), "%2F", "/"),
		"sequencer": fmt.Sprintf("%016X", c.At),
	}
	if strings.HasPrefix(c.Event, "ObjectCreated") || strings.HasPrefix(c.Event, "ObjectTagging") {
		of["size"], of["eTag"] = c.Size, c.ETag
	}
	if c.Version != "null" {
		of["versionId"] = c.Version
	}
	return asJSON(map[string]any{"Records": []any{map[string]any{
		"eventVersion":      "2.1",
		"eventSource":       "aws:s3",
		"awsRegion":         region,
		"eventTime":         time.UnixMilli(c.At).UTC().Format(eventTime),
		"eventName":         c.Event,
		"userIdentity":      map[string]string{"principalId": "AWS:" + c.By},
		"requestParameters": map[string]string{"sourceIPAddress": c.From},
		"responseElements":  map[string]string{"x-amz-request-id": c.ID, "x-amz-id-2": "slipway"},
		"s3": map[string]any{
			"s3SchemaVersion": "1.0",
			"configurationId": configuration,
			"bucket": map[string]any{
				"name":          c.Bucket,
				"ownerIdentity": map[string]string{"principalId": account},
				"arn":           bucketARN + c.Bucket,
			},
			"object": of,
		},
	}}})
}
