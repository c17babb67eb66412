// Clients over both transports, and readers that turn an answer into a value. No assertions live here.

import { BedrockRuntimeClient } from "@aws-sdk/client-bedrock-runtime";
import { NodeHttpHandler } from "@smithy/node-http-handler";

export const CLAUDE = "us.anthropic.claude-sonnet-4-20250514-v1:0";
export const NOVA = "amazon.nova-lite-v1:0";
export const UNGRANTED = "anthropic.claude-3-opus-20240229-v1:0";

// The default on a plaintext endpoint is HTTP/2 with prior knowledge; applications may fall back to HTTP/1.1.
export const TRANSPORTS = {
  h2c: (settings = {}) => new BedrockRuntimeClient(settings),
  "HTTP/1.1": (settings = {}) =>
    new BedrockRuntimeClient({ requestHandler: new NodeHttpHandler(), ...settings }),
};

// The error a call ends in. An answer is an error of the test's.
export const failure = (promise) =>
  promise.then(
    () => {
      throw new Error("the call was answered");
    },
    (error) => error,
  );

export const user = (text) => [{ role: "user", content: [{ text }] }];

export const converse = (text, members = {}) => ({ modelId: CLAUDE, messages: user(text), ...members });

export function native(text, members = {}) {
  const messages = [{ role: "user", content: [{ type: "text", text }] }];
  const body = { anthropic_version: "bedrock-2023-05-31", max_tokens: 256, messages, ...members };
  return { modelId: CLAUDE, contentType: "application/json", body: JSON.stringify(body) };
}

export function tool(name, required) {
  const properties = Object.fromEntries(required.map((member) => [member, { type: "string" }]));
  const json = { type: "object", properties, required };
  return { tools: [{ toolSpec: { name, description: `The ${name} tool.`, inputSchema: { json } } }] };
}

export async function collect(stream) {
  const events = [];
  for await (const event of stream) events.push(event);
  return events;
}

// The events that arrived and the error the iteration ended in, if it did.
export async function collectUntilFailure(stream) {
  const events = [];
  try {
    for await (const event of stream) events.push(event);
  } catch (error) {
    return { events, error };
  }
  return { events, error: undefined };
}

export const messageText = (answer) =>
  answer.output.message.content.map((block) => block.text ?? "").join("");

export const streamText = (events) =>
  events.map((event) => event.contentBlockDelta?.delta?.text ?? "").join("");

export const stopReason = (events) => events.find((event) => event.messageStop)?.messageStop.stopReason;

export const parse = (bytes) => JSON.parse(new TextDecoder().decode(bytes));

export const nativeText = (message) => message.content.map((block) => block.text ?? "").join("");

export const nativeStreamText = (messages) =>
  messages
    .filter((message) => message.type === "content_block_delta")
    .map((message) => message.delta.text ?? "")
    .join("");

// The tool calls of a stream: name, and input parsed from its joined fragments.
export function streamedCalls(events) {
  const calls = new Map();
  for (const { contentBlockStart: started, contentBlockDelta: delta } of events) {
    if (started?.start?.toolUse)
      calls.set(started.contentBlockIndex, { name: started.start.toolUse.name, input: "" });
    if (delta?.delta?.toolUse) calls.get(delta.contentBlockIndex).input += delta.delta.toolUse.input;
  }
  return [...calls.values()].map(({ name, input }) => ({ name, input: JSON.parse(input || "{}") }));
}
