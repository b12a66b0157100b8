/** A refusal by the API server. `status` 0: it could not be reached. */
export class ApiError extends Error {
  override readonly name = "ApiError";
  readonly status: number;
  /** The `reason` of the Status object, e.g. `Conflict`; empty if there was none. */
  readonly reason: string;

  constructor(status: number, reason: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.status = status;
    this.reason = reason;
  }
}

export const isStatus = (error: unknown, ...statuses: readonly number[]): error is ApiError =>
  error instanceof ApiError && statuses.includes(error.status);

/** The error of an answer that is not 2xx: from its Status object if it is one. */
export function apiError(status: number, body: unknown, what: string): ApiError {
  const { reason, message } = readStatus(body);
  return new ApiError(status, reason, `${what}: ${status} ${message}`);
}

function readStatus(body: unknown): { reason: string; message: string } {
  if (typeof body !== "object" || body === null) return { reason: "", message: String(body ?? "").slice(0, 512) };
  const fields: Record<string, unknown> = { ...body };
  const text = (value: unknown) => (typeof value === "string" ? value : "");
  return { reason: text(fields.reason), message: text(fields.message) };
}
