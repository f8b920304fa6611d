// Signs in with what was typed, and deletes the account with that session.
const form = document.querySelector("form");
const status = document.querySelector('[role="status"]');
const button = form.querySelector("button");

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  button.disabled = true;
  try {
    await deleteAccount(form.elements.email.value, form.elements.password.value);
  } catch {
    status.textContent = "The server cannot be reached. Try again in a moment.";
  } finally {
    button.disabled = false;
  }
});

/** The session that was signed in to for this: a repeated request needs the same one. */
let session = null;

async function deleteAccount(email, password) {
  session ??= await ask("POST", "v1/auth/login", { "Content-Type": "application/json" }, JSON.stringify({ email, password }));
  if (!session) return;
  const receipt = await ask("DELETE", "v1/me", { Authorization: `Bearer ${session.access_token}` });
  if (!receipt) return;
  form.remove();
  const date = (time) => new Date(time).toLocaleString();
  const gone = receipt.completed_by ? ` Nothing is left of your data here by ${date(receipt.completed_by)}.` : "";
  const backups = receipt.backups_expire_by ? ` It is gone from backups by ${date(receipt.backups_expire_by)}.` : "";
  status.textContent = `Your account is deleted.${gone}${backups}`;
}

/** The answer, or null where the server says why not. */
async function ask(method, path, headers, body) {
  const response = await fetch(path, { method, headers, body });
  const answer = await response.json();
  // The answer to an earlier request was lost.
  if (response.ok || (method === "DELETE" && response.status === 401)) return answer;
  status.textContent = `${answer.title}. ${answer.detail ?? ""}`;
  return null;
}
