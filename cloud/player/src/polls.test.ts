import { expect, test } from "vitest";
import { meaningOf } from "./polls";

test.each([
  [401, { kind: "refused", refusal: "no_key" }],
  [403, { kind: "refused", refusal: "wrong_key" }],
  [410, { kind: "refused", refusal: "ended" }],
  [404, { kind: "refused", refusal: "unknown_camera" }],
  [500, { kind: "failed", failure: { code: "service_error", httpStatus: 500 } }],
  [503, { kind: "failed", failure: { code: "service_error", httpStatus: 503 } }],
])("HTTP %i", (httpStatus, meaning) => {
  expect(meaningOf(httpStatus)).toEqual(meaning);
});
