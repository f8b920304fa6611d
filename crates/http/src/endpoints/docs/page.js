"use strict";

const darkness = matchMedia("(prefers-color-scheme: dark)");
const follow = () => document.documentElement.classList.toggle("dark-mode", darkness.matches);
darkness.addEventListener("change", follow);
follow();

/** Whoever signs up or in here need not paste the token into "Authorize". */
const signIn = (ui, response) => {
  const token = response.ok && response.url.includes("/v1/auth/") && response.obj?.access_token;
  if (token) {
    const schema = { type: "http", scheme: "bearer" };
    ui.authActions.authorize({ token: { name: "token", schema, value: token } });
  }
  return response;
};

fetch("openapi.json").then((answer) => answer.json()).then((spec) => {
  // A proxy may have put this server below a path.
  spec.servers = [{ url: new URL(".", location.href).href.replace(/\/$/, "") }];
  const ui = SwaggerUIBundle({
    spec,
    dom_id: "#reference",
    deepLinking: true,
    filter: true,
    displayRequestDuration: true,
    tryItOutEnabled: true,
    defaultModelsExpandDepth: 0,
    validatorUrl: null,
    responseInterceptor: (response) => signIn(ui, response),
  });
});
