//go:build models

package main

// The models lie beside the code of this module; the import keeps it in go.mod.
import _ "github.com/aws/aws-sdk-go/aws/endpoints"
