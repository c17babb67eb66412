// InvokeModelWithBidirectionalStream over h2c: both directions are open at once, and every event of the
// client's is signed with the one before it.

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import {
  AccessDeniedException,
  BedrockRuntimeClient,
  InvokeModelWithBidirectionalStreamCommand,
} from "@aws-sdk/client-bedrock-runtime";

import { UNGRANTED, failure } from "./support.mjs";

const SONIC = "amazon.nova-sonic-v1:0";
const TEXTS = ["one", "write to alice.smith@example.com", "Grüße, 東京"];

const chunk = (text) => {
  const event = { textInput: { promptName: "prompt-1", contentName: "content-1", content: text } };
  return { chunk: { bytes: new TextEncoder().encode(JSON.stringify({ event })) } };
};

const converse = (modelId, body) =>
  new BedrockRuntimeClient({}).send(new InvokeModelWithBidirectionalStreamCommand({ modelId, body }));

const decoded = (event) => JSON.stringify(JSON.parse(new TextDecoder().decode(event.chunk.bytes)));

describe("a bidirectional stream over h2c", () => {
  test("each event comes back, personal data restored, after the client has ended", async () => {
    async function* all() {
      for (const text of TEXTS) yield chunk(text);
    }
    let heard = "";
    for await (const event of (await converse(SONIC, all())).body) heard += decoded(event);
    for (const text of TEXTS) assert.ok(heard.includes(text), `${text} did not come back`);
  });

  // The second event is sent once the first came back: nobody on the way may wait for the request's end.
  test("an event comes back while the client is still speaking", { timeout: 30_000 }, async () => {
    let goOn;
    const echoed = new Promise((done) => (goOn = done));
    async function* turns() {
      yield chunk("first");
      await echoed;
      yield chunk("second");
    }
    let heard = "";
    for await (const event of (await converse(SONIC, turns())).body) {
      heard += decoded(event);
      if (heard.includes("first")) goOn();
    }
    assert.ok(heard.includes("second"), "the second event did not come back");
  });

  test("a model without a grant is refused by type", async () => {
    async function* one() {
      yield chunk("hello");
    }
    const error = await failure(converse(UNGRANTED, one()));
    assert.ok(error instanceof AccessDeniedException, `${error.name}: ${error.message}`);
    assert.equal(error.$metadata.httpStatusCode, 403);
  });
});
