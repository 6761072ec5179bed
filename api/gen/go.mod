module slipway/api/gen

go 1.26.8

require github.com/aws/aws-sdk-go v1.55.8
