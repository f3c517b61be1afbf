// The shop's page: products from /api/, a cart kept in the browser, orders of signed-in customers.
"use strict";

const at = (id) => document.getElementById(id);
const yen = (amount) => `¥${amount.toLocaleString("ja-JP")}`;
const state = { category: null, text: "", page: 1, signedIn: false, afterSignIn: null };
let cart = JSON.parse(localStorage.getItem("cart") || "[]");

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "onclick") made.addEventListener("click", value);
    else made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

async function api(method, path, body) {
  const reply = await fetch(`/api/${path}`, {
    method,
    headers: body ? { "Content-Type": "application/json" } : {},
    body: body ? JSON.stringify(body) : undefined,
  });
  const content = await reply.json().catch(() => ({ error: "ただいま混み合っています。" }));
  if (!reply.ok) throw Object.assign(new Error(content.error), { status: reply.status });
  return content;
}

function say(text) {
  at("message").textContent = text;
  at("message").hidden = false;
  clearTimeout(say.timer);
  say.timer = setTimeout(() => { at("message").hidden = true; }, 4000);
}

const tried = (action) => async (...values) => {
  try { await action(...values); } catch (error) { say(error.message); }
};

function tile(product) {
  const hue = String((product.category_id ?? 0) % 6);
  return element("div", { class: "tile", "data-hue": hue, "aria-hidden": "true" },
    product.name.trim().charAt(0));
}

function card(product) {
  return element("button", { class: "card", type: "button",
    onclick: tried(() => showProduct(product.product_id)) },
    tile(product),
    element("div", {}, element("span", { class: "name" }, product.name),
      element("span", { class: "price" }, yen(product.price_yen))));
}

async function showProducts(page = 1) {
  state.page = page;
  const query = new URLSearchParams({ page });
  if (state.category) query.set("category", state.category);
  if (state.text) query.set("q", state.text);
  const found = await api("GET", `products?${query}`);
  if (page === 1) at("products").replaceChildren();
  at("products").append(...found.products.map(card));
  at("nothing").hidden = at("products").childElementCount > 0;
  at("more").hidden = !found.more;
}

async function showCategories() {
  const { categories } = await api("GET", "categories");
  const choices = [{ category_id: null, name: "すべて" }, ...categories];
  at("categories").replaceChildren(...choices.map((category) => element("button", {
    type: "button",
    "aria-pressed": String(category.category_id === state.category),
    onclick: tried(async () => {
      state.category = category.category_id;
      await Promise.all([showCategories(), showProducts()]);
    }),
  }, category.name)));
}

async function showProduct(id) {
  const product = await api("GET", `products/${id}`);
  const reviews = product.reviews.map((review) => element("li", { class: "review" },
    element("span", { class: "stars" }, "★".repeat(review.rating)), " ",
    element("strong", {}, review.title ?? ""), " ", review.body ?? ""));
  at("product").replaceChildren(
    tile(product),
    element("h2", {}, product.name),
    element("p", {}, `${product.category ?? "その他"}　`,
      element("span", { class: "price" }, yen(product.price_yen))),
    element("ul", {}, ...reviews),
    element("div", { class: "actions" },
      element("button", { type: "button", onclick: () => at("product").close() }, "閉じる"),
      element("button", { type: "button", class: "main", onclick: tried(() => put(product)) },
        "カートに入れる")));
  at("product").showModal();
}

async function put(product) {
  const line = cart.find((each) => each.product_id === product.product_id);
  if (line) line.quantity = Math.min(line.quantity + 1, 99);
  else cart.push({ product_id: product.product_id, name: product.name,
    price_yen: product.price_yen, quantity: 1 });
  keepCart();
  at("product").close();
  say("カートに入れました。");
  await api("POST", "events", { event_type: "add_to_cart", product_id: product.product_id,
    page: location.pathname });
}

function keepCart() {
  localStorage.setItem("cart", JSON.stringify(cart));
  at("cart-count").textContent = cart.reduce((sum, line) => sum + line.quantity, 0);
  at("cart-total").textContent =
    yen(cart.reduce((sum, line) => sum + line.quantity * line.price_yen, 0));
  at("cart-lines").replaceChildren(...cart.map((line) => element("li", {},
    element("span", {}, `${line.name} × ${line.quantity}`),
    element("button", { type: "button", onclick: () => {
      cart = cart.filter((each) => each !== line);
      keepCart();
    } }, "削除"))));
  at("buy").disabled = cart.length === 0;
}

async function buy() {
  if (!state.signedIn) {
    state.afterSignIn = buy;
    at("sign-in").showModal();
    return;
  }
  const lines = cart.map(({ product_id, quantity }) => ({ product_id, quantity }));
  await api("POST", "orders", { lines });
  cart = [];
  keepCart();
  at("cart").close();
  say("ご注文ありがとうございます。");
}

async function signIn(form) {
  const { email, password, name } = Object.fromEntries(new FormData(form));
  if (name.trim()) await api("POST", "customers", { email, password, name });
  else await api("POST", "session", { email, password });
  form.reset();
  at("sign-in").close();
  showSignedIn(true);
  const then = state.afterSignIn;
  state.afterSignIn = null;
  if (then) await then();
}

function showSignedIn(signedIn) {
  state.signedIn = signedIn;
  at("account").textContent = signedIn ? "ログアウト" : "ログイン";
}

at("search").addEventListener("submit", (event) => {
  event.preventDefault();
  state.text = new FormData(event.target).get("q").trim();
  tried(showProducts)();
});
at("more").addEventListener("click", tried(() => showProducts(state.page + 1)));
at("open-cart").addEventListener("click", () => at("cart").showModal());
at("buy").addEventListener("click", tried(buy));
at("account").addEventListener("click", tried(async () => {
  if (state.signedIn) showSignedIn((await api("DELETE", "session")).signed_in);
  else at("sign-in").showModal();
}));
at("sign-in-form").addEventListener("submit", (event) => {
  event.preventDefault();
  tried(signIn)(event.target);
});
for (const button of document.querySelectorAll("[data-close]")) {
  button.addEventListener("click", () => button.closest("dialog").close());
}
keepCart();
tried(async () => {
  await Promise.all([showCategories(), showProducts()]);
  showSignedIn((await api("GET", "session")).signed_in);
})();
