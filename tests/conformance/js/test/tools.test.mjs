// Tool calls over h2c and HTTP/1.1: a granted one is released with its arguments, a refused one becomes text.

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { ConverseCommand, ConverseStreamCommand } from "@aws-sdk/client-bedrock-runtime";

import {
  TRANSPORTS,
  collect,
  converse,
  messageText,
  stopReason,
  streamText,
  streamedCalls,
  tool,
} from "./support.mjs";

const EMAIL = "alice.smith@example.com";
const MAIL = converse(`Mail ${EMAIL} [sim:tool send_mail {"to": "${EMAIL}"}]`, {
  toolConfig: tool("send_mail", ["to"]),
});
const DROP = converse('[sim:tool db_query {"query": "drop table orders"}]', {
  toolConfig: tool("db_query", ["query"]),
});

for (const [transport, connect] of Object.entries(TRANSPORTS)) {
  describe(`tools over ${transport}`, () => {
    test("a granted call is released with its arguments restored", async () => {
      const answer = await connect().send(new ConverseCommand(MAIL));
      const calls = answer.output.message.content
        .filter((block) => block.toolUse)
        .map((block) => block.toolUse);
      assert.deepEqual(
        calls.map(({ name, input }) => ({ name, input })),
        [{ name: "send_mail", input: { to: EMAIL } }],
      );
      assert.equal(answer.stopReason, "tool_use");
    });

    test("a granted call is released in a stream", async () => {
      const events = await collect((await connect().send(new ConverseStreamCommand(MAIL))).stream);
      assert.deepEqual(streamedCalls(events), [{ name: "send_mail", input: { to: EMAIL } }]);
      assert.equal(stopReason(events), "tool_use");
    });

    test("a refused call becomes text", async () => {
      const answer = await connect().send(new ConverseCommand(DROP));
      assert.ok(answer.output.message.content.every((block) => !block.toolUse));
      assert.match(messageText(answer), /tool_arg_forbidden/);
      assert.equal(answer.stopReason, "end_turn");
    });

    test("a refused call becomes text in a stream", async () => {
      const events = await collect((await connect().send(new ConverseStreamCommand(DROP))).stream);
      assert.deepEqual(streamedCalls(events), []);
      assert.match(streamText(events), /tool_arg_forbidden/);
      assert.equal(stopReason(events), "end_turn");
      assert.ok(events.at(-1).metadata);
    });
  });
}
