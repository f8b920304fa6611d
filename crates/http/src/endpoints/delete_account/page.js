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

async function deleteAccount(email, password) {
  const signedIn = await ask("POST", "v1/auth/login", { "Content-Type": "application/json" }, JSON.stringify({ email, password }));
  if (!signedIn) return;
  const receipt = await ask("DELETE", "v1/me", { Authorization: `Bearer ${signedIn.access_token}` });
  if (!receipt) return;
  form.remove();
  const date = (time) => new Date(time).toLocaleString();
  const backups = receipt.backups_expire_by ? ` It is gone from backups by ${date(receipt.backups_expire_by)}.` : "";
  status.textContent = `Your account is deleted. Nothing is left of your data here by ${date(receipt.completed_by)}.${backups}`;
}

/** The answer, or null where the server says why not. */
async function ask(method, path, headers, body) {
  const response = await fetch(path, { method, headers, body });
  const answer = await response.json();
  if (response.ok) return answer;
  status.textContent = `${answer.title}. ${answer.detail ?? ""}`;
  return null;
}
