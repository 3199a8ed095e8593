// Swagger UI over our own published document.
const place = document.getElementById("api");
window.SwaggerUIBundle({ url: place.dataset.schema, dom_id: "#api", deepLinking: true, supportedSubmitMethods: [] });
