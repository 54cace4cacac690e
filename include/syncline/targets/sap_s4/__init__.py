"""SAP S/4HANA: goods movements as material documents, by OData."""
