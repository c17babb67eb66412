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
		"content_elsewhere": false,
		"choices": 1,
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

# A request to none of Bedrock's models: what both of the next questions have.
plain_request := {
	"parsed": true,
	"dialect": "openai.chat",
	"stream": false,
	"bytes": 1920,
	"est_tokens": 416,
	"content_elsewhere": false,
	"choices": 1,
	"params": {"max_tokens": 512},
	"tools": ["get_weather"],
	"tools_unreadable": false,
}

without_model := object.remove(common, ["model"])

endpoint_invoke := object.union(without_model, {
	"action": "endpoint:invoke",
	"api": {"service": "sagemaker-runtime", "operation": "InvokeEndpoint"},
	"endpoint": {"name": "llama-prod", "component": "ic-1", "router": false},
	"request": plain_request,
})

kb_retrieve := object.union(without_model, {
	"action": "kb:retrieve",
	"api": {"service": "bedrock-agent-runtime", "operation": "Retrieve"},
	"kb": {
		"id": "KB12345678",
		"results": 5,
		"search": "HYBRID",
		"query_chars": 64,
		"has_filter": false,
		"implicit_filter": false,
		"rerank": false,
		"generate": false,
	},
	"request": object.union(plain_request, {"dialect": "agent", "params": {}, "tools": []}),
})

api_call := object.union(without_model, {
	"action": "api:call",
	"api": {
		"service": "bedrock-agent-runtime",
		"operation": "InvokeAgent",
		"inspected": true,
		"content_elsewhere": false,
		"resource": {"agentId": "AGENT12345", "agentAliasId": "TSTALIASID", "sessionId": "s-1"},
	},
	"request": object.union(plain_request, {"dialect": "agent", "params": {}, "tools": []}),
})

# A call without a body to read.
look_up := object.union(object.remove(api_call, ["request"]), {"api": {
	"service": "bedrock",
	"operation": "GetInferenceProfile",
	"inspected": false,
}})

requests := [converse, endpoint_invoke, kb_retrieve, api_call]

# An action the library says nothing about, with every fact that could tempt a rule.
other_action := object.union(object.union(converse, tool_use), {
	"action": "tool:result",
	"principal": {"verified": []},
	"signals": {"pii": {"EMAIL": 1}, "secrets": 1, "injection": 1},
	"request": {"parsed": false, "tools_unreadable": true, "bytes": 99999999, "content_elsewhere": true},
	"tool": {"declared": false, "args_valid": false},
})

codes(items) := {item.code | some item in items}
