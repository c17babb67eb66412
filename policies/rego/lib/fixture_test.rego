# METADATA
# title: Inputs the tests start from
# description: |
#   One question of each kind, nothing wrong with it. Tests change what they are about. The same documents, whole,
#   are fixtures/*.json; test runners load no JSON but data.json, so the parts that rules read are repeated here.
package lib.fixture_test

now := 1795356000

principal := {
	"id": "AKIDEXAMPLEORDERS",
	"team": "payments",
	"app": "orders-bot",
	"env": "prod",
	"user": "u-17",
	"verified": ["sigv4"],
}

model := {
	"id": "us.anthropic.claude-sonnet-4-20250514-v1:0",
	"provider": "anthropic",
	"family": "claude-sonnet-4",
	"kind": "inference_profile",
	"scope": "us",
}

common := {
	"v": 1,
	"api": {"service": "bedrock-runtime", "operation": "Converse", "region": "us-east-1"},
	"principal": principal,
	"signals": {"pii": {}, "secrets": 0, "injection": 0.08},
	"time": {"unix": now},
	"model": model,
}

converse := object.union(common, {
	"action": "model:invoke",
	"request": {
		"parsed": true,
		"dialect": "converse",
		"stream": false,
		"bytes": 24310,
		"est_tokens": 4800,
		"params": {"max_tokens": 2048, "temperature": 0},
		"tools": ["get_weather", "db_query", "http_get"],
		"tool_choice": "auto",
		"tools_unreadable": false,
	},
})

tool_use := object.union(common, {
	"action": "tool:use",
	"tool": {
		"id": "tooluse_1",
		"name": "db_query",
		"index": 1,
		"of": 2,
		"declared": true,
		"args": {"query": "SELECT status FROM orders WHERE id = 7"},
		"args_valid": true,
		"args_errors": [],
		"args_bytes": 51,
		"signals": {"secrets": 0},
	},
})

# An action the library says nothing about, with every fact that could tempt a rule.
other_action := object.union(object.union(converse, tool_use), {
	"action": "kb:retrieve",
	"principal": {"verified": []},
	"signals": {"pii": {"EMAIL": 1}, "secrets": 1, "injection": 1},
	"request": {"parsed": false, "tools_unreadable": true, "bytes": 99999999},
	"tool": {"declared": false, "args_valid": false},
})

codes(items) := {item.code | some item in items}
